//! A broker with a script, for what no real one says on demand.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What it answers; each can be changed while it runs.
#[derive(Default)]
pub struct Script {
    /// The code of each CONNACK.
    pub connack: AtomicU8,
    /// The code for each filter in a SUBACK; 0x80 and above refuse.
    pub suback: AtomicU8,
    /// The same for the filters after those of readings.
    pub suback_of_wishes: AtomicU8,
    /// The reason in each PUBACK of a reading; 0x80 and above refuse.
    pub puback: AtomicU8,
    /// The highest level of delivery it says it takes; 0 says nothing.
    pub maximum_qos: AtomicU8,
    /// The reason of a DISCONNECT that follows the SUBACK; 0 for none.
    pub disconnect: AtomicU8,
}

/// Serves MQTT 5 (or, if `v5` is false, the same codes in 3.1.1's form) until the test ends.
pub fn start(script: Arc<Script>, v5: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let script = script.clone();
            std::thread::spawn(move || serve(stream, &script, v5));
        }
    });
    port
}

fn serve(mut stream: TcpStream, script: &Script, v5: bool) {
    while let Some((kind, body)) = packet(&mut stream) {
        let code = |code: &AtomicU8| code.load(Ordering::SeqCst);
        let mut answer = Vec::new();
        match kind >> 4 {
            1 if v5 && code(&script.maximum_qos) > 0 => {
                let maximum = [2, 0x24, code(&script.maximum_qos)];
                answer = vec![0x20, 5, 0, code(&script.connack)];
                answer.extend(maximum);
            }
            1 if v5 => answer = vec![0x20, 3, 0, code(&script.connack), 0],
            1 => answer = vec![0x20, 2, 0, code(&script.connack)],
            8 => {
                let id = [body[0], body[1]];
                let count = num_filters(&body, v5);
                // One filter alone comes twice, and is a wish.
                let of_filter = |number| {
                    let wish = code(&script.suback_of_wishes);
                    if number < 2 && count > 2 { code(&script.suback) } else { wish }
                };
                let codes = (0..count).map(of_filter);
                let payload: Vec<u8> = if v5 {
                    id.into_iter().chain([0]).chain(codes).collect()
                } else {
                    id.into_iter().chain(codes).collect()
                };
                answer = vec![0x90, u8::try_from(payload.len()).unwrap()];
                answer.extend(payload);
                if code(&script.disconnect) > 0 {
                    answer.extend([0xE0, 2, code(&script.disconnect), 0]);
                }
            }
            // As the standard demands of it.
            3 if code(&script.maximum_qos) > 0 && (kind >> 1) & 3 > code(&script.maximum_qos) => {
                return;
            }
            3 => {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let id = [body[2 + topic], body[3 + topic]];
                let status = body[2..2 + topic].ends_with(b"/status");
                let reason = if status { 0 } else { code(&script.puback) };
                answer = vec![0x40, 4, id[0], id[1], reason, 0];
            }
            12 => answer = vec![0xD0, 0],
            _ => {}
        }
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

/// Of a SUBSCRIBE with fewer than 128 bytes of properties.
fn num_filters(body: &[u8], v5: bool) -> usize {
    let mut rest = &body[if v5 { 3 + usize::from(body[2]) } else { 2 }..];
    let mut count = 0;
    while let [high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = &after[length + 1..];
        count += 1;
    }
    count
}

/// Type byte and body of one packet; `None` at the end.
fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte).ok()?;
    let kind = byte[0];
    let (mut length, mut shift) = (0, 0);
    loop {
        stream.read_exact(&mut byte).ok()?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((kind, body))
}
