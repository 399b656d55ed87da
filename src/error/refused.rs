//! What wgpu refuses, told about the caller's buffer that it refuses.

use super::{BufferRole, Error, Result};

impl Error {
    /// What wgpu refused, about this buffer of the caller's.
    pub(crate) fn about(self, param: &str, role: BufferRole) -> Self {
        match self {
            Error::Wgpu(message) => {
                // The last line is the innermost reason; those before it say which call of ours it was. A browser says that after the reason.
                let is_reason = |line: &&str| !line.is_empty() && !line.starts_with("- While");
                let message = message.lines().map(str::trim).rfind(is_reason).unwrap_or_default().to_owned();
                Error::Buffer { param: param.to_owned(), role, message }
            }
            other => other,
        }
    }

    /// Of what wgpu refused, the first buffer of the caller's that it refuses by itself, if there is one.
    pub(crate) fn of_first_refused<'a>(self, mut buffers: impl Iterator<Item = (&'a str, BufferRole, Result<()>)>) -> Self {
        if !matches!(self, Error::Wgpu(_)) {
            return self;
        }
        let refused = buffers.find_map(|(param, role, binds)| Some(binds.err()?.about(param, role)));
        refused.unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_told() {
        let native = "Validation Error\n\nCaused by:\n  In Device::create_bind_group\n    Buffer has been destroyed\n";
        let browser =
            "[Buffer] cannot be used with [Device].\n - While validating that it is valid.\n - While calling [Device].CreateBindGroup().\n";
        for (text, reason) in [(native, "Buffer has been destroyed"), (browser, "[Buffer] cannot be used with [Device].")] {
            let Error::Buffer { message, .. } = Error::Wgpu(text.into()).about("w", BufferRole::Value) else {
                panic!("not about a buffer")
            };
            assert_eq!(message, reason);
        }
    }
}
