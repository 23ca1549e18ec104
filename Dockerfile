# The container image. `docker build -t pocketllm .` builds the program from these sources; nothing but the program goes into the image.
#   docker run -p 9000:9000 -v pocketllm:/data pocketllm
#   docker run -p 9000:9000 -e MONGODB_URI=… -e REDIS_URL=… -e JWT_SECRET=… pocketllm

# What the image stands on: anything with glibc, also without a shell.
ARG BASE=docker.io/library/debian:13-slim
# Anything with bun 1.4.5 and a shell.
ARG BUN_IMAGE=docker.io/oven/bun:1.4.5

FROM ${BUN_IMAGE} AS program
WORKDIR /sources
COPY package.json bun.lock bunfig.toml ./
# bun install applies it.
COPY src/store/mongo/mongodb@7.9.0.patch src/store/mongo/
RUN bun install --frozen-lockfile
COPY . .
RUN bun run build && mkdir -p /image/usr/local/bin /image/data && mv dist/pocketllm /image/usr/local/bin/

FROM ${BASE}
COPY --from=program /image/usr/local/bin/ /usr/local/bin/
# A user without a name, so that it is the same on every base. The data folder is this user's.
COPY --from=program --chown=10001:10001 /image/data/ /data/
USER 10001:10001
# Everything else may be read-only, so what SQLite cannot keep in memory goes here too.
ENV HOST=0.0.0.0 POCKETLLM_DATA_DIR=/data SQLITE_TMPDIR=/data
VOLUME /data
EXPOSE 9000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/pocketllm", "health"]
ENTRYPOINT ["/usr/local/bin/pocketllm"]
CMD ["serve"]
