# The binary, and nothing else: no shell, no package manager, no root.
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t tranche .

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/tranche ./cmd/tranche
# An empty folder to copy below: the last stage has no mkdir, and its user could not write into one of root's.
RUN mkdir -p /out/data

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.title="Tranche" \
      org.opencontainers.image.description="Collects money that falls due later, on Stripe" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/tranche /usr/local/bin/tranche
COPY --from=build --chown=65532:65532 /out/data /data
# The embedded database lies in the working directory: mount a volume at /data to keep it.
WORKDIR /data
# The default listens on loopback, which inside a container is nobody. TRANCHE_ADMIN_ADDR stays there: it needs no key.
ENV TRANCHE_ADDR=0.0.0.0:8080
EXPOSE 8080
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["/usr/local/bin/tranche", "health"]
ENTRYPOINT ["/usr/local/bin/tranche"]
CMD ["serve"]
