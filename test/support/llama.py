"""Runs llama.cpp's HTTP server on a free port of 127.0.0.1 until standard input ends.

Arguments: the GGUF file, the name that the model gets, the number of slots.
"""

import sys

import xllamacpp

path, name, slots = sys.argv[1], sys.argv[2], int(sys.argv[3])
params = xllamacpp.CommonParams()
params.model.path = path
params.model_alias = {name}
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_parallel = slots
params.n_ctx = 4096 * slots
params.verbosity = 0
server = xllamacpp.Server(params)
print("listening", server.listening_address, flush=True)
sys.stdin.read()
