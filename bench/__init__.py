"""Benchmarks that print ratios: what a patient costs, beside a bare workflow on the same server in the same run."""
