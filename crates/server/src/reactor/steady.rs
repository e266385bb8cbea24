//! A connection that has to take what is sent to it.
//!
//! Owns: the time a write may stand still; then the connection ends, and with it the answer that waits for it `[P5]`.
//! Never: limits a whole answer; a slow reader that goes on reading gets everything.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tidings_protocol::limits::WRITE_MS_MAX;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// A stream whose writes end in an error when nothing of them is taken for [`WRITE_MS_MAX`].
#[derive(Debug)]
pub struct Steady<S> {
    stream: S,
    /// Since when a write stands still; none while writes go on.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Steady<S> {
    /// Around a stream.
    pub const fn new(stream: S) -> Steady<S> {
        Steady {
            stream,
            stuck: None,
        }
    }

    /// The stream alone.
    pub fn into_inner(self) -> S {
        self.stream
    }

    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let stuck = self.stuck.get_or_insert_with(|| {
            Box::pin(tokio::time::sleep(Duration::from_millis(WRITE_MS_MAX)))
        });
        ready!(stuck.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Steady<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Steady<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends() {
        // [P5]
        let (near, _far) = tokio::io::duplex(16);
        let error = Steady::new(near).write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_read_slowly_arrives() {
        let (near, mut far) = tokio::io::duplex(16);
        let writing = tokio::spawn(async move { Steady::new(near).write_all(&[7; 64]).await });
        let mut got = 0;
        while got < 64 {
            // Time stands still but for this: it is the test's own clock.
            tokio::time::advance(Duration::from_millis(WRITE_MS_MAX) - Duration::from_secs(1))
                .await;
            got += far.read(&mut [0; 16]).await.unwrap();
        }
        writing.await.unwrap().unwrap();
    }
}
