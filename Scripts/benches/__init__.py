"""The benchmarks, by subject. Each module has a list CASES."""

from benches import adoption, backlogs, batches, distances, idle, instances, latency, offsets, starts, verification

CASES = (batches.CASES + distances.CASES + backlogs.CASES + latency.CASES + starts.CASES + idle.CASES
         + instances.CASES + offsets.CASES + verification.CASES + adoption.CASES)
