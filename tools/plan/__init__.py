"""What a training run takes of memory, time and money, before GPUs are rented. Imports neither torch nor NeMo."""
