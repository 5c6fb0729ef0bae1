FROM python:3.11-slim-bookworm
RUN useradd --non-unique --uid 999 postgres
COPY postgres /usr/local/pgsql
COPY postgres.entrypoint /usr/local/bin/entrypoint
ENV PATH=/usr/local/pgsql/bin:$PATH
ENTRYPOINT ["/usr/local/bin/entrypoint"]
