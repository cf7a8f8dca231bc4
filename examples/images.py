"""Makes the images of examples/api-server.yaml, with no registry: `python examples/images.py DIRECTORY`.

Three versions of one small web server, from this machine's static busybox. v1.4.2 and v1.4.3 answer; v1.4.4 crashes
at its start, as a bad release does.
"""

import sys
from pathlib import Path

from kybern.supervisor.images import BUSYBOX_CONFIG, Layer, busybox_layer, write_archive

REPOSITORY = "registry.example.com/shop/api-server"
VERSIONS = ("v1.4.2", "v1.4.3", "v1.4.4")
CRASHING = "v1.4.4"
DRAIN_SECONDS = 3
"""How long a server goes on answering after SIGTERM: until every node has taken it out of its Service table."""

SERVE = f"""#!/bin/sh
# Process 1 of the container: busybox's httpd answers, this script ends it in an orderly way.
mkdir -p /tmp/www/cgi-bin
cp /srv/answer /tmp/www/cgi-bin/index.cgi
echo ok > /tmp/www/healthz
echo ok > /tmp/www/ready
: > /tmp/requests
httpd -f -p 8080 -h /tmp/www &
server=$!
drain() {{
  echo "$VERSION: told to stop; answering what still comes for {DRAIN_SECONDS} s"
  rm -f /tmp/www/ready
  sleep {DRAIN_SECONDS} &
  wait $!
  kill $server
  exit 0
}}
trap drain TERM INT
echo "$VERSION: listening on 8080"
wait $server
"""

ANSWER = """#!/bin/sh
printf . >> /tmp/requests
count=$(wc -c < /tmp/requests)
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "${GREETING:-hello} from $(hostname), version $VERSION, request ${count## }"
"""

CRASH = """#!/bin/sh
echo "$VERSION: cannot read the new configuration" >&2
exit 1
"""


def write_images(directory: Path) -> list[Path]:
    """One archive for each version; where they are."""
    base = busybox_layer()
    written = []
    for version in VERSIONS:
        script = CRASH if version == CRASHING else SERVE
        files = {"srv/serve": (script.encode(), 0o755), "srv/answer": (ANSWER.encode(), 0o755)}
        own = Layer(files=files, directories={"srv": 0o755})
        config = {
            **BUSYBOX_CONFIG,
            "Cmd": ["/srv/serve"],
            "Env": ["PATH=/bin:/usr/bin", f"VERSION={version}"],
            "ExposedPorts": {"8080/tcp": {}},
        }
        path = directory / f"api-server-{version}.tar"
        write_archive(path, f"{REPOSITORY}:{version}", [base, own], config)
        written.append(path)
    return written


if __name__ == "__main__":
    for each in write_images(Path(sys.argv[1] if len(sys.argv) > 1 else "build/images")):
        print(each)
