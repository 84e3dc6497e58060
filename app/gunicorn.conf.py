"""gunicorn settings that fit one small container.

One worker process with a few threads serves one container; more containers, not more workers,
serve more users. Everything is logged to stdout and stderr, where container platforms look for it.
"""

import os
import tempfile

bind = f"0.0.0.0:{os.environ.get('PORT', '8080')}"
workers = 1
worker_class = "gthread"
threads = 4
timeout = 30
keepalive = 2
accesslog = "-"
errorlog = "-"

# gunicorn's workers prove that they live by touching a temporary file. Memory is the best place for it;
# where /dev/shm cannot be written (a read-only root file system), /tmp is the place that can.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()

# gunicorn's control socket lives in the home directory, which a read-only root file system does not offer.
control_socket_disable = True
