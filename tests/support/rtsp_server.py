"""An RTSP camera: python3 rtsp_server.py PORT [USER:PASSWORD] [CODING] [SCHEME]; port 0 takes a
free one. Prints the port.

CODING is h264 (the default), h264-b (with B-frames), h265, jpeg, or one of 1920 × 1080 at 15 fps:
h264-1080p, jpeg-1080p; SCHEME is basic (the default) or digest."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

# As security cameras send them; video has a key frame each second.
X264 = "x264enc speed-preset=ultrafast"
CODINGS = {
    "h264": f"{X264} tune=zerolatency key-int-max=20 ! rtph264pay name=pay0",
    "h264-b": f"{X264} bframes=3 b-adapt=false key-int-max=20 ! rtph264pay name=pay0",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=20 "
    "! h265parse ! rtph265pay name=pay0",
    "jpeg": "jpegenc ! rtpjpegpay name=pay0",
    "h264-1080p": f"{X264} tune=zerolatency bitrate=4000 key-int-max=30 ! rtph264pay name=pay0",
    "jpeg-1080p": "jpegenc quality=75 ! rtpjpegpay name=pay0",
}

SMALL = "pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=20/1"
# Colour bars with a field of noise.
LARGE = "pattern=smpte ! video/x-raw,format=I420,width=1920,height=1080,framerate=15/1"

port, login, coding, scheme = (sys.argv[1:] + ["", "", ""])[:4]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
# A pipeline for each client. With a shared one, GStreamer 1.22 was seen to die of an assertion
# (gst_rtsp_media_get_rates) where one client comes soon after another; presumably it asks the
# pipeline that just ends for the last.
factory.set_shared(False)
coding = coding or "h264"
scene = LARGE if coding.endswith("1080p") else SMALL
factory.set_launch(f"( videotestsrc is-live=true {scene} ! {CODINGS[coding]} )")
if login:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    user, password = login.split(":")
    if scheme == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
