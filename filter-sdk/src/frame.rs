//! What a filter is told about the frame at hand.

/// One frame, as a filter sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameInfo {
    /// The frame's number, counted by its stream; the count goes on when the camera is opened again. Numbers may be left out.
    pub sequence: u64,
    /// When the picture was taken: milliseconds since 1970-01-01 00:00 UTC.
    pub captured_at_ms: u64,
    /// The server's local time zone at that moment: minutes to add to UTC.
    pub utc_offset_minutes: i32,
    /// The picture's width in pixels at this point of the chain.
    pub width: u32,
    /// The picture's height in pixels at this point of the chain.
    pub height: u32,
    /// Texts that the server was given under a name.
    pub variables: Vec<(String, String)>,
}

impl FrameInfo {
    /// The text of the variable `name`.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let variable = self.variables.iter().find(|(known, _)| known == name);
        variable.map(|(_, text)| text.as_str())
    }
}

impl From<crate::bindings::imports::mattebox::filter::types::FrameInfo> for FrameInfo {
    fn from(frame: crate::bindings::imports::mattebox::filter::types::FrameInfo) -> Self {
        Self {
            sequence: frame.sequence,
            captured_at_ms: frame.captured_at_ms,
            utc_offset_minutes: frame.utc_offset_minutes,
            width: frame.width,
            height: frame.height,
            variables: frame.variables,
        }
    }
}
