pub const WIDTH: u32 = 1280;
pub const HEIGHT: u32 = 720;
pub const FPS: u32 = 15;
pub const FRAMES: u32 = 120;
pub struct Scene;
impl Scene {
    pub fn new() -> Self {
        Self
    }
    pub fn frame(&self, index: u32) -> Vec<u8> {
        (0..WIDTH * HEIGHT * 3)
            .map(|i| ((i / 3 % WIDTH) / 5 + index) as u8)
            .collect()
    }
}
