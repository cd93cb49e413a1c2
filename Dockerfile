# The operator's image: a glibc root with CA certificates, one binary, a user without a name. `cargo xtask image` builds its last
# stage without a registry; docs/image.md tells how, and what differs.
#
# The bases are pinned by digest; dependabot raises them. To change one: docker buildx imagetools inspect <image>:<tag>

# The compiler's version is rust-toolchain.toml's: rustup would fetch another one than this, so raise both together.
ARG BUILDER=docker.io/library/rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f

FROM ${BUILDER} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin quarantine-operator

FROM ${RUNTIME}
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="quarantine-operator" \
      org.opencontainers.image.description="Cuts an EC2 instance off with its incident-response security group on every network interface, and puts it back exactly." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /src/target/release/quarantine-operator /usr/local/bin/quarantine-operator
COPY LICENSE /licenses/LICENSE
# By number: a kubelet can't tell from a name that it isn't root.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/quarantine-operator"]
CMD ["run"]
