//! Masking (RFC 6455 §5.3): XOR with a key of four bytes, its own inverse.
//!
//! Owns the one hot loop of the receiving side. It must never allocate, and it stays in safe code:
//! words of eight bytes are enough for the compiler to make vector instructions of it.

/// Masks or unmasks `data` in place. `key` has to start at the byte that `data` starts with.
pub fn apply_mask(data: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = data.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

/// The key for the bytes that follow after `passed` bytes were masked with `key`.
pub(crate) fn advance(mut key: [u8; 4], passed: usize) -> [u8; 4] {
    key.rotate_left(passed % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(data: &[u8], key: [u8; 4]) -> Vec<u8> {
        data.iter()
            .enumerate()
            .map(|(i, byte)| byte ^ key[i % 4])
            .collect()
    }

    #[test]
    fn every_length_agrees_with_the_definition() {
        let key = [0x12, 0xff, 0x00, 0x9b];
        let data: Vec<u8> = (0..100u8).collect();
        for length in 0..data.len() {
            let mut fast = data[..length].to_vec();
            apply_mask(&mut fast, key);
            assert_eq!(fast, slow(&data[..length], key), "length {length}");
        }
    }

    #[test]
    fn two_parts_with_an_advanced_key_are_the_whole() {
        let key = [1, 2, 3, 4];
        let data: Vec<u8> = (0..40u8).collect();
        for cut in 0..data.len() {
            let mut parts = data.clone();
            let (head, tail) = parts.split_at_mut(cut);
            apply_mask(head, key);
            apply_mask(tail, advance(key, cut));
            assert_eq!(parts, slow(&data, key), "cut at {cut}");
        }
    }
}
