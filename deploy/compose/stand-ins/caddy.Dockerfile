FROM python:3.11-slim-bookworm
ENV XDG_DATA_HOME=/data
ENTRYPOINT ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
