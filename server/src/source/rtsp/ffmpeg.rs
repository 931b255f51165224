//! Command lines of ffmpeg: to decode what it is given, or, the old way, to talk to the camera
//! itself.

use crate::config::RtspConfig;
use crate::secret::SecretText;

/// Each picture behind a line with its time and its number of bytes, on the same pipe.
const TIMED: &str = "[f=framecrc:flush_packets=1]pipe:1|[f=mjpeg:flush_packets=1]pipe:1";

/// A command line that grows.
struct Words(Vec<SecretText>);

impl Words {
    fn new() -> Self {
        let mut words = Self(Vec::new());
        words.add(&["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]);
        words
    }

    fn add(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(|it| SecretText::new(*it)));
    }

    fn hardware(&mut self, config: &RtspConfig) {
        if let Some(hardware) = config.hardware {
            self.add(&["-hwaccel", &hardware.to_string()]);
        }
    }

    fn filters(&mut self, rate: Option<String>, config: &RtspConfig) {
        let size = config
            .size
            .map(|size| format!("scale={}:{}", size.width, size.height));
        let filters: Vec<_> = [rate, size].into_iter().flatten().collect();
        if !filters.is_empty() {
            self.add(&["-vf", &filters.join(",")]);
        }
    }

    fn coding(&mut self, config: &RtspConfig) {
        let scale = quantizer_scale(config.quality).to_string();
        self.add(&["-c:v", "mjpeg", "-q:v", &scale, "-pix_fmt", "yuvj420p"]);
        // The standard tables have a code for all that a filter may draw; those made for a picture
        // don't.
        self.add(&["-huffman", "default"]);
        // From two slices on, each row of MCUs is a restart interval, and drawings on it cost less.
        self.add(&["-slices", "2"]);
    }
}

/// ffmpeg as the one who talks to the camera at `url`, which has the login in it.
pub fn whole(config: &RtspConfig, url: &SecretText, fps: Option<f64>) -> Vec<SecretText> {
    let mut words = Words::new();
    words.add(&["-rtsp_transport", &config.transport.to_string()]);
    // What comes is shown at once instead of being gathered for smoothness.
    words.add(&["-fflags", "nobuffer", "-flags", "low_delay"]);
    words.hardware(config);
    words.add(&["-i", url.expose(), "-an", "-sn", "-dn"]);
    words.filters(fps.map(|fps| format!("fps={fps}")), config);
    words.coding(config);
    words.add(&["-f", "mjpeg", "pipe:1"]);
    words.0
}

/// Leaves out frames that are only decoded, by their times: see [`super::matroska::time`].
const CODED: &str = "select='not(mod(pts,2))'";

/// ffmpeg as a decoder of the Matroska in its standard input. `passthrough` is the name of its
/// option for frames that keep their times.
pub fn decoder(config: &RtspConfig, passthrough: &str) -> Vec<SecretText> {
    let mut words = Words::new();
    // Times stay as they are, and nothing waits: neither for a guess of the rate, nor for more
    // frames.
    words.add(&["-copyts", "-flags", "low_delay"]);
    words.add(&["-probesize", "32", "-analyzeduration", "0"]);
    words.add(&["-fpsprobesize", "0"]);
    words.hardware(config);
    words.add(&["-f", "matroska", "-i", "pipe:0", "-map", "0:v"]);
    words.filters(Some(CODED.to_owned()), config);
    words.coding(config);
    // Several would each keep a picture back.
    words.add(&["-threads:v", "1"]);
    words.add(&[passthrough, "passthrough", "-enc_time_base", "-1"]);
    words.add(&["-f", "tee", TIMED]);
    words.0
}

/// ffmpeg's scale of quantizers, 2 (best) to 31, for a quality from 1 to 100.
fn quantizer_scale(quality: u8) -> u32 {
    2 + (100 - u32::from(quality)) * 29 / 99
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DriverConfig, parse_spec};

    fn config() -> RtspConfig {
        match parse_spec("rtsp://cam:8554/main").unwrap().driver {
            DriverConfig::Rtsp(config) => config,
            _ => panic!("another driver"),
        }
    }

    fn line(words: &[SecretText]) -> String {
        let words: Vec<_> = words.iter().map(SecretText::expose).collect();
        words.join(" ")
    }

    #[test]
    fn the_old_way_is_as_it_was() {
        let url = SecretText::new("rtsp://me:p%40ss@cam:8554/main");
        let command = line(&whole(&config(), &url, Some(12.5)));
        assert!(command.contains("-rtsp_transport tcp"), "{command}");
        assert!(command.contains("-i rtsp://me:p%40ss@cam:8554/main "));
        assert!(command.contains("-vf fps=12.5 "), "{command}");
        assert!(command.contains("-slices 2 "), "{command}");
    }

    #[test]
    fn a_decoder_is_told_no_address() {
        let command = line(&decoder(&config(), "-fps_mode"));
        assert!(!command.contains("cam"), "{command}");
        assert!(command.contains("-fps_mode passthrough"), "{command}");
    }

    #[test]
    fn qualities_cover_ffmpegs_scale() {
        assert_eq!((quantizer_scale(100), quantizer_scale(1)), (2, 31));
    }
}
