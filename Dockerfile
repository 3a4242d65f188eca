# The gateway as an image: docker build -t longhaul-gateway .
# Its configuration is /data/gateway.toml, and what it keeps lies beside it.
FROM rust:1.95-slim-trixie AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p longhaul-gateway

FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /data gateway
COPY --from=build /source/target/release/longhaul-gateway /usr/local/bin/
USER gateway
WORKDIR /data
EXPOSE 8787 8788
# Calls in flight finish first: docker stop -t 700.
STOPSIGNAL SIGTERM
ENTRYPOINT ["longhaul-gateway"]
CMD ["/data/gateway.toml"]
