// rustc example.rs -L /usr/local/lib

use std::ffi::{c_char, c_int, c_void, CStr};
use std::net::TcpListener;

#[link(name = "portpicker")]
extern "C" {
    fn pp_pick(
        options: *const c_void, port: *mut c_int, message: *mut c_char, size: usize,
    ) -> c_int;
}

/// Picks a port, which this process has until it ends.
fn unused_port() -> Result<u16, String> {
    let mut port: c_int = 0;
    let mut message = [0 as c_char; 1024];
    let result = unsafe {
        pp_pick(std::ptr::null(), &mut port, message.as_mut_ptr(), message.len())
    };
    if result < 0 {
        let text = unsafe { CStr::from_ptr(message.as_ptr()) };
        return Err(text.to_string_lossy().into_owned());
    }
    Ok(port as u16)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(("127.0.0.1", unused_port()?))?;
    println!("listening on port {}", listener.local_addr()?.port());
    Ok(())
}
