"""The bundled sample: invented FORMEX acts, a tokenizer trained on them, and a tiny random Llama."""
