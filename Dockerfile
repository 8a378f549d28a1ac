# For systems other than Linux: the sandbox needs a Linux kernel (5.13 or later, with Landlock), which a container has.
#   docker build -t stop . && docker run --rm -v "$PWD/results:/app/results" stop
FROM python:3.11-slim
RUN useradd --create-home user && mkdir -p /app/results && chown -R user /app
WORKDIR /app
COPY --chown=user pyproject.toml README.md LICENSE ./
COPY --chown=user stop stop
COPY --chown=user scaffolds scaffolds
COPY --chown=user tasks tasks
RUN pip install --no-cache-dir -e .
USER user
ENTRYPOINT ["python", "-m", "stop.run"]
