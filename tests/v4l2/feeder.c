/* Plays JPEGs into a v4l2loopback device, as a camera that sends Motion JPEG.
 * Usage: feeder DEVICE WIDTH HEIGHT FILE.jpg... */
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static char buffer[1 << 20];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

int main(int count, char **arguments) {
    if (count < 5) {
        fprintf(stderr, "usage: feeder DEVICE WIDTH HEIGHT FILE.jpg...\n");
        return 2;
    }
    int device = open(arguments[1], O_RDWR);
    if (device < 0) fail(arguments[1]);
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    format.fmt.pix.width = atoi(arguments[2]);
    format.fmt.pix.height = atoi(arguments[3]);
    format.fmt.pix.pixelformat = V4L2_PIX_FMT_MJPEG;
    format.fmt.pix.field = V4L2_FIELD_NONE;
    format.fmt.pix.sizeimage = 1 << 17;
    if (ioctl(device, VIDIOC_S_FMT, &format) < 0) fail("VIDIOC_S_FMT");
    for (int next = 0;; next = (next + 1) % (count - 4)) {
        int file = open(arguments[4 + next], O_RDONLY);
        ssize_t length = file < 0 ? -1 : read(file, buffer, sizeof buffer);
        if (length <= 0) fail(arguments[4 + next]);
        close(file);
        if (write(device, buffer, length) != length) fail("write");
        usleep(100 * 1000);
    }
}
