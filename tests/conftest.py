import os

# Four simulated devices let the tests of data parallel training run on any machine.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4")
