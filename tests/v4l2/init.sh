#!/bin/busybox sh
# The guest's first process.
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do
    case $module in
    vivid.ko) insmod "/modules/$module" n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 ;;
    v4l2loopback.ko) insmod "/modules/$module" video_nr=9 card_label=Loopback ;;
    *) insmod "/modules/$module" ;;
    esac
done </modules/order
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
feeder /dev/video9 203 149 /422.jpg /nodht.jpg &
# The shell that the test works with; the guest's network leads to the test's machine only.
nc -ll -p 2323 -e /bin/sh &
cd /
MATTEBOX_CACHE=off MATTEBOX_STATE=off \
    /bin/mattebox serve --config /pipeline.yaml --listen 0.0.0.0:8080
# Its end is the guest's.
echo "mattebox ended: $?"
poweroff -f
