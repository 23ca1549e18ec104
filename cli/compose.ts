// What `pocketllm init --print compose` prints: a compose file for a machine with Docker. No secret stands in it; they are files beside it,
// and the first lines say how to make them.

export const COMPOSE = `# PocketLLM with MongoDB, Redis and Ollama. Beside this file, once:
#
#   docker build -t pocketllm .      (in a checkout of PocketLLM)
#   mkdir -m 700 secrets
#   openssl rand -hex 24 | tr -d '\\n' > secrets/mongodb_password
#   openssl rand -base64 48 | tr -d '\\n' > secrets/jwt_secret
#   printf 'mongodb://pocketllm:%s@mongodb:27017/pocketllm?authSource=admin' "$(cat secrets/mongodb_password)" > secrets/mongodb_uri
#   chmod 644 secrets/*
#   docker compose up -d
#   docker compose exec ollama ollama pull qwen3:4b
#   docker compose exec pocketllm /usr/local/bin/pocketllm create-admin --email you@example.org --generate-password
#
# The files in secrets/ are read by users of the containers that are not you, so their mode is 644; the folder, with 700, keeps others out.

services:
  pocketllm:
    image: pocketllm
    restart: unless-stopped
    ports:
      # On this machine only; a reverse proxy with TLS goes before it (and into TRUSTED_PROXIES).
      - "127.0.0.1:9000:9000"
    environment:
      UPSTREAMS: ollama+http://ollama:11434
      REDIS_URL: redis://redis:6379
      MONGODB_URI_FILE: /run/secrets/mongodb_uri
      JWT_SECRET_FILE: /run/secrets/jwt_secret
      SIGNUP_MODE: closed
    secrets:
      - mongodb_uri
      - jwt_secret
    volumes:
      - pocketllm:/data
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    # Longer than SHUTDOWN_GRACE, so that running answers are stored.
    stop_grace_period: 30s
    depends_on:
      mongodb:
        condition: service_healthy
      redis:
        condition: service_healthy

  mongodb:
    image: mongo:8
    restart: unless-stopped
    environment:
      MONGO_INITDB_ROOT_USERNAME: pocketllm
      MONGO_INITDB_ROOT_PASSWORD_FILE: /run/secrets/mongodb_password
    secrets:
      - mongodb_password
    volumes:
      - mongodb:/data/db
    healthcheck:
      test: ["CMD", "mongosh", "--quiet", "--eval", "db.adminCommand('ping').ok"]
      interval: 10s
      timeout: 5s
      retries: 12

  redis:
    image: redis:8
    restart: unless-stopped
    # Limits and running answers: nothing that must outlive it.
    command: ["redis-server", "--save", "", "--appendonly", "no"]
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 10s
      timeout: 5s
      retries: 12

  ollama:
    image: ollama/ollama
    restart: unless-stopped
    volumes:
      - ollama:/root/.ollama

secrets:
  mongodb_uri:
    file: ./secrets/mongodb_uri
  mongodb_password:
    file: ./secrets/mongodb_password
  jwt_secret:
    file: ./secrets/jwt_secret

volumes:
  pocketllm:
  mongodb:
  ollama:
`;
