# Two images: `docker build -t staanet .` for the CPU, and for a GPU with CUDA
# `docker build -t staanet:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .`
FROM python:3.11-slim-bookworm AS build

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Extras beyond the core, such as "hf,export"; pesq (extra `perceptual`) needs a C compiler, which this stage has.
ARG EXTRAS=hf,export,perceptual

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/staanet
ENV PATH=/opt/staanet/bin:$PATH

WORKDIR /source
COPY constraints.txt ./
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --constraint constraints.txt ".[$EXTRAS]"

FROM python:3.11-slim-bookworm

COPY --from=build /opt/staanet /opt/staanet
ENV PATH=/opt/staanet/bin:$PATH \
    STAANET_CORPORA=/corpora \
    STAANET_CHECKPOINTS=/checkpoints
RUN useradd --create-home --uid 1000 staanet
USER 1000
WORKDIR /home/staanet
ENTRYPOINT ["staanet"]
CMD ["--help"]
