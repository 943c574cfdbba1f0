//! What processes cost, read from Linux's /proc.

use std::fs;

/// Microseconds of CPU that a process has used, and the memory it holds now, in MB.
pub(crate) fn cost(pid: u32) -> (f64, f64) {
    (ticks(pid, false) * 10_000.0, resident(pid))
}

/// Microseconds of CPU of a `PostgreSQL` server and all its backends, living and gone.
pub(crate) fn postgres_cpu(postmaster: u32) -> f64 {
    let children = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        (stat(pid)?.get(1)? == &postmaster.to_string()).then_some(pid)
    });
    (children.map(|pid| ticks(pid, false)).sum::<f64>() + ticks(postmaster, true)) * 10_000.0
}

/// The fields of /proc/PID/stat after the name, which may hold spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn ticks(pid: u32, with_children: bool) -> f64 {
    let Some(fields) = stat(pid) else { return 0.0 };
    let fields = fields.iter().skip(11).take(if with_children { 4 } else { 2 });
    fields.filter_map(|field| field.parse::<f64>().ok()).sum()
}

fn resident(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}
