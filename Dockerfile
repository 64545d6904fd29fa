# duet-server alone in a small image. docker-compose.yml runs three of it. It listens to all, so it wants a SECRET_KEY and is closed:
#
#   docker build --tag duet-server .
#   docker run --detach --name duet --publish 8000:8000 --volume duet:/var/lib/duet --env SECRET_KEY \
#       --env DUET_PUBLIC_URL=https://chat.example.org duet-server
#   docker exec duet duet-server invite room1 --for alice
FROM rust:1.95-bookworm AS build
WORKDIR /duet
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/duet/target \
    cargo build --release --locked --package server \
    && install -D target/release/duet-server /out/duet-server

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/duet duet
COPY --from=build /out/duet-server /usr/local/bin/duet-server
USER duet
ENV DUET_LISTEN=0.0.0.0:8000 DUET_DATA_DIR=/var/lib/duet
VOLUME /var/lib/duet
EXPOSE 8000
# No shell between: the signal that stops a container is for the server.
ENTRYPOINT ["duet-server"]
HEALTHCHECK --interval=5s --start-period=30s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8000 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
