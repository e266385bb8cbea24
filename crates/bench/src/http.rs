//! Just enough HTTP/1.1 to make accounts and rooms and to read pages, on one kept connection.
//!
//! Owns: a request, the head of an answer, bodies with a length or in chunks.
//! Never: is a general client; redirects, proxies and TLS have no place beside a bare loop.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// A connection to the server's REST API.
#[derive(Debug)]
pub(crate) struct Http {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Http> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Http {
            stream,
            address,
            buffer: Vec::new(),
        })
    }

    /// One request, one answer: a JSON body each way. Anything but 2xx is an error.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let request = request(self.address, method, path, token, body);
        let body = self.exchange(&request)?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(body).with_context(|| format!("the answer of {path} is no JSON"))
    }

    /// Sends bytes and reads one answer's body. The connection can be used again.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head_bytes = loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            self.more()?;
        };
        let head = Head::parse(&self.buffer[..head_bytes])?;
        let body = match head.length {
            Some(length) => {
                while self.buffer.len() < head_bytes + length {
                    self.more()?;
                }
                &self.buffer[head_bytes..head_bytes + length]
            }
            None => {
                let mut whole = None;
                while whole.is_none() {
                    whole = unchunk(&self.buffer[head_bytes..])?;
                    if whole.is_none() {
                        self.more()?;
                    }
                }
                self.buffer.truncate(head_bytes);
                self.buffer.extend(whole.unwrap_or_default());
                &self.buffer[head_bytes..]
            }
        };
        ensure!(
            (200..300).contains(&head.status),
            "the server answered {}: {}",
            head.status,
            String::from_utf8_lossy(body)
        );
        Ok(body)
    }

    /// Bytes of the last answer, its head included.
    pub(crate) fn answer_bytes(&self) -> usize {
        self.buffer.len()
    }

    fn more(&mut self) -> anyhow::Result<()> {
        let before = self.buffer.len();
        self.buffer.resize(before + 32 * 1024, 0);
        let n = self.stream.read(&mut self.buffer[before..])?;
        self.buffer.truncate(before + n);
        ensure!(n > 0, "the server closed the connection");
        Ok(())
    }
}

/// The bytes of a request.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
    if let Some(token) = token {
        text.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    if !body.is_empty() {
        text.push_str("content-type: application/json\r\n");
    }
    if method != "GET" {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(&body);
    text.into_bytes()
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// None: in chunks.
    length: Option<usize>,
}

impl Head {
    fn parse(head: &[u8]) -> anyhow::Result<Head> {
        let head = std::str::from_utf8(head).context("the head of an answer is no text")?;
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .context("an answer without a status")?;
        let mut length = None;
        let mut chunked = false;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.trim().parse()?),
                "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        if !chunked && length.is_none() {
            // 204 and 304 have no body; no other answer here leaves out both.
            ensure!(status == 204, "an answer without a length");
            length = Some(0);
        }
        Ok(Head {
            status,
            length: length.filter(|_| !chunked),
        })
    }
}

/// The body of a chunked answer, or none when it is not complete.
fn unchunk(mut bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(line) = bytes.windows(2).position(|w| w == b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&bytes[..line])?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16)?;
        let after = line + 2;
        let Some(chunk) = bytes.get(after..after + size) else {
            return Ok(None);
        };
        match bytes.get(after + size..after + size + 2) {
            None => return Ok(None),
            Some(b"\r\n") if size == 0 => return Ok(Some(body)),
            Some(b"\r\n") => body.extend_from_slice(chunk),
            Some(_) => bail!("a chunk is longer than it says"),
        }
        bytes = &bytes[after + size + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_tell_status_and_length() {
        let head = Head::parse(b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\n").unwrap();
        assert_eq!((head.status, head.length), (201, Some(12)));
        let head = Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        assert_eq!((head.status, head.length), (200, None));
        let head = Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!((head.status, head.length), (204, Some(0)));
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Head::parse(b"nonsense\r\n\r\n").is_err());
    }

    #[test]
    fn chunks_are_joined_once_they_are_all_there() {
        let whole = b"5\r\nhello\r\n6;x=1\r\n world\r\n0\r\n\r\n";
        assert_eq!(unchunk(whole).unwrap().unwrap(), b"hello world");
        for cut in 0..whole.len() {
            assert_eq!(unchunk(&whole[..cut]).unwrap(), None, "{cut}");
        }
        assert!(unchunk(b"1\r\nxyz").is_err());
    }

    #[test]
    fn requests_say_how_long_they_are() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let body = serde_json::json!({"a": 1});
        let text = request(address, "POST", "/x", Some("t"), Some(&body));
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("POST /x HTTP/1.1\r\nhost: 127.0.0.1:1\r\n"));
        assert!(text.contains("content-length: 7\r\n") && text.ends_with("\r\n\r\n{\"a\":1}"));
        assert!(text.contains("authorization: Bearer t\r\n"));
    }
}
