#!/usr/bin/env bash
# A real V4L2 camera without hardware: Debian's own kernel in QEMU, whose module `vivid` is a virtual camera, and in it
# the real binary. check.py then looks at it through the guest's network.
#
# Usage: tests/v4l2/run.sh [BINARY]    a mattebox built with the feature `camera`
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "${1:-$here/../../target/release/mattebox}")

for tool in qemu-system-x86_64 busybox cpio depmod modprobe djpeg python3; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: the V4L2 test needs $tool, which is not installed"
        exit 0
    fi
done

work=$(mktemp -d)
vm=
finish() {
    [ -z "$vm" ] || kill "$vm" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# The kernel, unpacked beside this system's own and not installed.
package=$(apt-cache depends linux-image-amd64 | awk '/Depends:/ { print $2; exit }')
(cd "$work" && apt-get download "$package" 2>/dev/null)
dpkg-deb -x "$work/$package"_*.deb "$work/kernel"
version=$(ls "$work/kernel/lib/modules")
depmod -b "$work/kernel" "$version"

# The guest: busybox, the binary with its libraries, the modules in the order of their dependencies.
root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp,modules}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$binary" "$root/bin/mattebox"
ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do
    install -D "$library" "$root$library"
done
modprobe -d "$work/kernel" -S "$version" --show-depends -a virtio_pci virtio_net vivid |
    awk '$1 == "insmod" { print $2 }' | awk '!seen[$0]++' >"$work/modules"
while read -r module; do
    cp "$module" "$root/modules"
    basename "$module"
done <"$work/modules" >"$root/modules/order"
cp "$here/pipeline.yaml" "$root/pipeline.yaml"
install -m 755 "$here/init.sh" "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd"

# Two free ports of this machine: for the server, and for a shell in the guest.
read -r http shell < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 1024 -display none -monitor none -no-reboot \
    -serial "file:$work/console" \
    -kernel "$work/kernel/boot/vmlinuz-$version" -initrd "$work/initrd" \
    -append "console=ttyS0 quiet panic=-1" \
    -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$http-:8080,hostfwd=tcp:127.0.0.1:$shell-:2323" \
    -device virtio-net-pci,netdev=net &
vm=$!

if ! timeout 300 python3 "$here/check.py" "$http" "$shell"; then
    echo "--- the guest's console:"
    tail -n 100 "$work/console"
    exit 1
fi
