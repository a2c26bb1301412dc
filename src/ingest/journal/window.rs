//! A stretch of a file in memory: what is put there is the file's.
//!
//! Of the library that virtual machines have their memory from, since others may see and change it too:
//! no reference to it ever exists, so nothing here is `unsafe`. It is for 64-bit machines only;
//! elsewhere there are no windows.

use std::fs::File;
use std::io;
use std::sync::Arc;

#[cfg(target_pointer_width = "64")]
pub use mapped::Window;
#[cfg(not(target_pointer_width = "64"))]
pub use missing::Window;

#[cfg(target_pointer_width = "64")]
mod mapped {
    use vm_memory::{FileOffset, MmapRegion, VolatileMemory};

    use super::{Arc, File, io};

    #[derive(Debug)]
    pub struct Window {
        start: u64,
        memory: MmapRegion,
    }

    impl Window {
        /// `start` must be at a page's beginning.
        ///
        /// # Errors
        /// When the file ends before, or can't be mapped.
        pub fn open(file: &Arc<File>, start: u64, bytes: u64) -> io::Result<Self> {
            let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
            let place = FileOffset::from_arc(file.clone(), start);
            let memory = MmapRegion::from_file(place, bytes).map_err(io::Error::other)?;
            Ok(Self { start, memory })
        }

        /// Puts `bytes` at a place of the file.
        ///
        /// # Errors
        /// When that is not within the window.
        pub fn put(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
            let offset = usize::try_from(at.wrapping_sub(self.start)).map_err(io::Error::other)?;
            let place = self.memory.get_slice(offset, bytes.len()).map_err(io::Error::other)?;
            place.copy_from(bytes);
            Ok(())
        }
    }
}

#[cfg(not(target_pointer_width = "64"))]
mod missing {
    use super::{Arc, File, io};

    #[derive(Debug)]
    pub enum Window {}

    impl Window {
        /// # Errors
        /// Always.
        pub fn open(_: &Arc<File>, _: u64, _: u64) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// # Errors
        /// Never: there is none.
        pub const fn put(&self, _: u64, _: &[u8]) -> io::Result<()> {
            match *self {}
        }
    }
}
