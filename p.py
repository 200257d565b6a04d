import sys
from pathlib import Path
from contexttune.bubblewrap import system_flags, find_bwrap
from contexttune.runners.mini.shells import CheckoutShell
import tempfile
print([f for f in system_flags() if "esc" in f])
d=Path(tempfile.mkdtemp())
for n in ("tmp","home","bin","testbed"): (d/n).mkdir()
(d/"passwd").touch(); (d/"command.sh").touch()
from contexttune.bubblewrap import write_interpreter
write_interpreter(d/"bin")
s=CheckoutShell(bwrap=find_bwrap(),scratch=d,variables={})
print(s.run("cat /tmp/s-adversary/esc/home/.ssh/id_rsa; python -c 'import sys;print(sys.executable, sys.prefix)'; ls -la /proc/1/ /proc/*/environ 2>/dev/null | head -3; cat /proc/*/environ | tr '\\0' '\\n' | grep -i key; cat /proc/net/dev | tail -1; ls /sys /root /home 2>&1; env",20).output.decode())
