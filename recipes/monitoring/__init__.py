"""What a person sees of a run: records, curves, the console line, alerts and the report.

``RUN/metrics.jsonl`` is the record; TensorBoard, W&B and ``run_report.html`` show the same numbers.
"""
