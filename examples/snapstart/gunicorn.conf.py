"""One worker: an environment gets one request at a time, and a hook is a request that reaches one process."""

import os

bind = "0.0.0.0:" + os.environ.get("PORT", "8080")
workers = 1
threads = 2
timeout = 0  # Lambda has its own; after a restore the clock may have jumped by days
