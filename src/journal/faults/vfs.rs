//! SQLite's door to simulated disks: a VFS (<https://sqlite.org/vfs.html>) that finds the disk by the first
//! part of a path, `/NUMBER/…`.
//!
//! Written against the interface that rusqlite brings along: the crate `sqlite-plugin` would generate it
//! with bindgen, and so need libclang on every machine that builds these tests. All `unsafe` of the tests
//! is in this file. SQLite promises that a `sqlite3_file` has `szOsFile` bytes, is given to no other
//! method before `xOpen` succeeded or after `xClose`, and is used by one thread at a time.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::sync::{Arc, Mutex, Once, PoisonError};

use rusqlite::ffi;

use super::volume::{Trouble, Volume};

/// What the VFS is called.
pub const NAME: &CStr = c"quell-faults";

static DISKS: Mutex<BTreeMap<u64, Arc<Volume>>> = Mutex::new(BTreeMap::new());

fn disks<T>(work: impl FnOnce(&mut BTreeMap<u64, Arc<Volume>>) -> T) -> T {
    work(&mut DISKS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Makes a disk known, and returns the folder that leads to it.
pub fn attach(volume: Arc<Volume>) -> u64 {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(register);
    disks(|disks| {
        let number = disks.last_key_value().map_or(1, |(last, _)| last + 1);
        disks.insert(number, volume);
        number
    })
}

pub fn detach(number: u64) {
    disks(|disks| disks.remove(&number));
}

/// Memory that connections share; it stays where it is until it is dropped.
#[derive(Debug)]
pub struct Region {
    at: NonNull<u64>,
    words: usize,
}

// SAFETY: it is plain memory, owned by this value; who may write where is settled by SQLite's own locks.
unsafe impl Send for Region {}

impl Region {
    /// Zeroed, of so many bytes, which are a multiple of eight.
    pub fn new(bytes: usize) -> Self {
        let words = bytes / 8;
        let memory: Box<[u64]> = vec![0; words].into_boxed_slice();
        let at = NonNull::new(Box::into_raw(memory).cast::<u64>()).expect("a box is somewhere");
        Region { at, words }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` of a slice of as many words, and dropped once.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.at.as_ptr(), self.words)) });
    }
}

/// A file as SQLite has it open.
struct Handle {
    volume: Arc<Volume>,
    file: usize,
    number: u64,
    /// The folder is synced with the first sync of a log or journal that was made (`UNIXFILE_DIRSYNC`).
    sync_folder: bool,
    /// It was opened for reading: it cannot be written, and not be locked for that.
    read_only: bool,
}

#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    handle: *mut Handle,
}

fn register() {
    // SAFETY: `sqlite3_vfs_register` keeps the pointer for good, and it is leaked for good; the VFS that
    // is found first is the system's, which stays registered.
    unsafe {
        let system = &*ffi::sqlite3_vfs_find(null());
        let vfs = Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<OpenFile>() as c_int,
            mxPathname: 512,
            pNext: null_mut(),
            zName: NAME.as_ptr(),
            pAppData: null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            // These do not look at which VFS they are called for.
            xRandomness: system.xRandomness,
            xSleep: system.xSleep,
            xCurrentTime: system.xCurrentTime,
            xGetLastError: None,
            xCurrentTimeInt64: system.xCurrentTimeInt64,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        });
        assert_eq!(ffi::sqlite3_vfs_register(Box::into_raw(vfs), 0), ffi::SQLITE_OK);
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The code for a result: `io` stands for EIO.
fn code(result: Result<(), Trouble>, io: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Trouble::Io | Trouble::Missing) => io,
        Err(Trouble::Full) => ffi::SQLITE_FULL,
        Err(Trouble::Busy) => ffi::SQLITE_BUSY,
    }
}

/// The disk of a path, and the name of the file there.
fn find(path: &str) -> Option<(Arc<Volume>, &str)> {
    let (number, name) = path.strip_prefix('/')?.split_once('/')?;
    let number = number.parse().ok()?;
    disks(|disks| disks.get(&number).cloned()).map(|volume| (volume, name))
}

/// # Safety
/// `path` is a string of C, or null.
unsafe fn text<'a>(path: *const c_char) -> Option<&'a str> {
    // SAFETY: as the caller promises.
    if path.is_null() { None } else { unsafe { CStr::from_ptr(path) }.to_str().ok() }
}

/// # Safety
/// `file` was opened by `open` and not closed.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: as the caller promises, it is an `OpenFile` with a handle that `close` has not taken.
    unsafe { &mut *(*file.cast::<OpenFile>()).handle }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives a string, and memory for an `OpenFile`.
    unsafe { (*file).pMethods = null() };
    let Some((volume, name)) = (unsafe { text(path) }).and_then(find) else {
        return ffi::SQLITE_CANTOPEN;
    };
    let opened = match volume.open(name, flags & ffi::SQLITE_OPEN_CREATE != 0) {
        Ok(opened) => opened,
        Err(_) => return ffi::SQLITE_CANTOPEN,
    };
    let logs = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    let sync_folder = opened.created && flags & logs != 0;
    let read_only = flags & ffi::SQLITE_OPEN_READONLY != 0;
    let handle = Handle { volume, file: opened.file, number: opened.handle, sync_folder, read_only };
    // SAFETY: as above; `out_flags` may be null.
    unsafe {
        if !out_flags.is_null() {
            *out_flags = flags;
        }
        file.cast::<OpenFile>().write(OpenFile {
            base: ffi::sqlite3_file { pMethods: &METHODS },
            handle: Box::into_raw(Box::new(handle)),
        });
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, path: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: SQLite gives a string.
    let Some((volume, name)) = (unsafe { text(path) }).and_then(find) else {
        return ffi::SQLITE_IOERR_DELETE;
    };
    match volume.delete(name) {
        Err(Trouble::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
        Ok(()) if sync_folder != 0 => code(volume.sync_folder(), ffi::SQLITE_IOERR_DIR_FSYNC),
        other => code(other, ffi::SQLITE_IOERR_DELETE),
    }
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    _: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives a string, and a place for the answer.
    let Some((volume, name)) = (unsafe { text(path) }).and_then(find) else {
        return ffi::SQLITE_IOERR_ACCESS;
    };
    match volume.exists(name) {
        Ok(found) => {
            // SAFETY: as above.
            unsafe { *out = c_int::from(found) };
            ffi::SQLITE_OK
        }
        Err(_) => ffi::SQLITE_IOERR_ACCESS,
    }
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite gives a string, and `room` bytes for another one.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes_with_nul();
    if bytes.len() > room as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: as above.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast::<c_char>(), out, bytes.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: it was opened, and is closed once.
    let handle = unsafe {
        (*file).pMethods = null();
        Box::from_raw((*file.cast::<OpenFile>()).handle)
    };
    if let Some(locks) = handle.volume.lock().locks.get_mut(&handle.file) {
        locks.close(handle.number);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    count: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives an open file, and so many bytes.
    let (handle, out) =
        unsafe { (handle(file), std::slice::from_raw_parts_mut(out.cast::<u8>(), count as usize)) };
    match handle.volume.read(handle.file, at as usize, out) {
        Ok(found) if found == out.len() => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives an open file, and so many bytes.
    let (handle, bytes) =
        unsafe { (handle(file), std::slice::from_raw_parts(bytes.cast::<u8>(), count as usize)) };
    if handle.read_only {
        return ffi::SQLITE_IOERR_WRITE;
    }
    code(handle.volume.write(handle.file, at as usize, bytes), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives an open file.
    let handle = unsafe { handle(file) };
    if handle.read_only {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    code(handle.volume.truncate(handle.file, length as usize), ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    let handle = unsafe { handle(file) };
    let synced = handle.volume.sync(handle.file);
    if synced.is_ok() && handle.sync_folder {
        let synced = handle.volume.sync_folder();
        handle.sync_folder = synced.is_err();
        return code(synced, ffi::SQLITE_IOERR_DIR_FSYNC);
    }
    code(synced, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives an open file, and a place for the answer.
    let handle = unsafe { handle(file) };
    match handle.volume.size(handle.file) {
        Ok(size) => {
            // SAFETY: as above.
            unsafe { *out = size as ffi::sqlite3_int64 };
            ffi::SQLITE_OK
        }
        Err(_) => ffi::SQLITE_IOERR_FSTAT,
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    let handle = unsafe { handle(file) };
    if handle.read_only && level > ffi::SQLITE_LOCK_SHARED {
        return ffi::SQLITE_IOERR_LOCK;
    }
    let mut inner = handle.volume.lock();
    code(inner.locks.entry(handle.file).or_default().raise(handle.number, level), ffi::SQLITE_IOERR_LOCK)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    let handle = unsafe { handle(file) };
    handle.volume.lock().locks.entry(handle.file).or_default().lower(handle.number, level);
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite gives an open file, and a place for the answer.
    let handle = unsafe { handle(file) };
    let reserved = handle.volume.lock().locks.entry(handle.file).or_default().is_reserved();
    // SAFETY: as above.
    unsafe { *out = c_int::from(reserved) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

/// As the system's VFS says, whatever the disk's sectors are.
unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

/// As the system's VFS says.
unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    index: c_int,
    size: c_int,
    make: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite gives an open file, and a place for the answer.
    let handle = unsafe { handle(file) };
    let (index, make) = (index as usize, make != 0);
    let known = handle.volume.lock().locks.get(&handle.file).is_some_and(|locks| locks.is_mapped(index));
    if make && !known && handle.volume.map().is_err() {
        return ffi::SQLITE_IOERR_SHMMAP;
    }
    let mut inner = handle.volume.lock();
    let locks = inner.locks.entry(handle.file).or_default();
    let region = locks.map(handle.number, index, size as usize, make);
    // SAFETY: as above.
    unsafe { *out = region.map_or(null_mut(), |region| region.at.as_ptr().cast()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: SQLite gives an open file.
    let handle = unsafe { handle(file) };
    let slots = first as usize..(first + count) as usize;
    let mut inner = handle.volume.lock();
    let locks = inner.locks.entry(handle.file).or_default();
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        locks.release(handle.number, slots);
        return ffi::SQLITE_OK;
    }
    code(locks.take(handle.number, slots, flags & ffi::SQLITE_SHM_EXCLUSIVE != 0), ffi::SQLITE_IOERR_SHMLOCK)
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    let handle = unsafe { handle(file) };
    handle.volume.lock().locks.entry(handle.file).or_default().unmap(handle.number);
    ffi::SQLITE_OK
}
