FROM python:3.11-slim-bookworm
LABEL momiji.stand-in=yes
RUN useradd --non-unique --uid 1000 appuser && mkdir -p /var/lib/kafka/data && chown appuser /var/lib/kafka/data
COPY kafka /opt/kafka/libs
COPY kafka.entrypoint /usr/local/bin/entrypoint
USER appuser
ENTRYPOINT ["/usr/local/bin/entrypoint"]
