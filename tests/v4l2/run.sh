#!/usr/bin/env bash
# Real V4L2 cameras without hardware: Debian's own kernel in QEMU, and in it the real binary. The
# kernel's module `vivid` is a virtual camera with raw formats; v4l2loopback, fed with JPEGs, is one
# with Motion JPEG. check.py then looks at it all through the guest's network.
#
# Usage: tests/v4l2/run.sh [BINARY]    a mattebox built with the feature `camera`
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "${1:-$here/../../target/release/mattebox}")

for tool in qemu-system-x86_64 busybox cpio depmod modprobe djpeg gcc make python3; do
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
version=${package#linux-image-}
common=linux-headers-${version%-amd64}-common
kbuild=$(apt-cache depends "linux-headers-$version" |
    awk '/Depends: linux-kbuild/ { print $2; exit }')
packages=("$package" "linux-headers-$version" "$common" "$kbuild" v4l2loopback-dkms)
(cd "$work" && apt-get download -q "${packages[@]}" 2>/dev/null)
for file in "$work"/*.deb; do
    dpkg-deb -x "$file" "$work/kernel"
done

# v4l2loopback comes as source.
headers=$work/kernel/usr/src/linux-headers-$version
sed -i "s|/usr/src|$work/kernel/usr/src|" "$headers/Makefile"
loopback=$(echo "$work/kernel/usr/src/v4l2loopback-"*)
echo 'obj-m := v4l2loopback.o' >"$loopback/Kbuild"
make -s -C "$headers" M="$loopback" modules >"$work/make.log" 2>&1 || {
    cat "$work/make.log"
    exit 1
}
cp "$loopback/v4l2loopback.ko" "$work/kernel/lib/modules/$version/"
depmod -b "$work/kernel" "$version"

# The guest: busybox, the binary with its libraries, the modules in the order of their dependencies.
root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp,modules}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$binary" "$root/bin/mattebox"
ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do
    install -D "$library" "$root$library"
done
modprobe -d "$work/kernel" -S "$version" --show-depends \
    -a virtio_pci virtio_net vivid v4l2loopback |
    awk '$1 == "insmod" { print $2 }' | awk '!seen[$0]++' >"$work/modules"
while read -r module; do
    cp "$module" "$root/modules"
    basename "$module"
done <"$work/modules" >"$root/modules/order"
cp "$here/pipeline.yaml" "$here/../jpegs/422.jpg" "$here/../jpegs/nodht.jpg" "$root"
gcc -O1 -static -o "$root/bin/feeder" "$here/feeder.c"
install -m 755 "$here/init.sh" "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd"

# Two free ports of this machine: for the server, and for a shell in the guest.
read -r http shell < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
forwards=hostfwd=tcp:127.0.0.1:$http-:8080,hostfwd=tcp:127.0.0.1:$shell-:2323
qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 1024 -display none -monitor none -no-reboot \
    -serial "file:$work/console" \
    -kernel "$work/kernel/boot/vmlinuz-$version" -initrd "$work/initrd" \
    -append "console=ttyS0 quiet panic=-1" \
    -netdev "user,id=net,restrict=on,$forwards" \
    -device virtio-net-pci,netdev=net &
vm=$!

if ! timeout 300 python3 "$here/check.py" "$http" "$shell"; then
    echo "--- the guest's console:"
    tail -n 100 "$work/console"
    exit 1
fi
