//! What goes over the wire, encoded once for all who watch.

use actix_web::web::Bytes;
use contract::live::LiveMessage;

/// Bytes of a WebSocket as they are sent: header and payload.
#[derive(Debug, Clone)]
pub struct Frame {
    /// As they are.
    pub bytes: Bytes,
    /// Whether the connection ends after it.
    pub is_last: bool,
}

/// Opcodes of RFC 6455, section 5.2, with the bit that says a message is complete.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

impl Frame {
    /// A message.
    #[must_use]
    pub fn message(message: &LiveMessage) -> Self {
        // Serialising to memory what has only strings for keys does not fail.
        let text = serde_json::to_vec(message).unwrap_or_default();
        Self { bytes: encode(TEXT, &text), is_last: false }
    }

    /// Asks the client whether it is there.
    #[must_use]
    pub fn ping() -> Self {
        Self { bytes: encode(PING, &[]), is_last: false }
    }

    /// The end, and why: a close code, and a few words.
    #[must_use]
    pub fn close(code: u16, reason: &str) -> Self {
        let payload: Vec<u8> = code.to_be_bytes().into_iter().chain(reason.bytes()).collect();
        debug_assert!(payload.len() <= 125, "a control frame has one length byte");
        Self { bytes: encode(CLOSE, &payload), is_last: true }
    }
}

/// RFC 6455, section 5.2: what a server sends is not masked.
fn encode(opcode: u8, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    bytes.push(opcode);
    match payload.len() {
        length @ 0..=125 => bytes.extend(u8::try_from(length)),
        length @ 126..=65_535 => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_the_standard_says() {
        for (length, header) in [
            (0, vec![TEXT, 0]),
            (125, vec![TEXT, 125]),
            (126, vec![TEXT, 126, 0, 126]),
            (65_535, vec![TEXT, 126, 255, 255]),
            (65_536, vec![TEXT, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = encode(TEXT, &vec![b'x'; length]);
            assert_eq!(frame[..header.len()], header, "{length}");
            assert_eq!(frame.len(), header.len() + length);
        }
    }

    #[test]
    fn a_close_has_its_code_first() {
        let frame = Frame::close(4_429, "too slow");
        assert!(frame.is_last);
        assert_eq!(&frame.bytes[..], b"\x88\x0a\x11\x4dtoo slow");
    }
}
