# The program for a cluster of containers:  docker build -t registry/isoflop .
# GPUs need their backend: --build-arg FEATURES=cuda, and a base image with the driver's libraries.
FROM rust:1.95-bookworm AS build
WORKDIR /isoflop
ARG FEATURES=""
# What changes rarely comes first: the dependencies are fetched once for a Cargo.lock, and what was compiled is kept from
# one build to the next.
COPY Cargo.toml Cargo.lock ./
COPY harness harness
COPY tests tests
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/isoflop/target \
    cargo build --release --locked --package isoflop --features "$FEATURES" && \
    cp target/release/isoflop /usr/local/bin/isoflop

FROM debian:bookworm-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates libvulkan1 && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/isoflop /usr/local/bin/isoflop
# Corpora and results are on the volume that is mounted here.
WORKDIR /isoflop
ENTRYPOINT ["isoflop"]
