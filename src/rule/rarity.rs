//! How often a text stands in the values of a log: a guess, by which the index chooses what to look for.
//! It decides about cost only, never about what is found.

/// What many values of any Windows machine have in them, in lower case, longer ones before what they contain.
const USUAL: &[&str] = &[
    "\\software\\microsoft\\windows nt\\currentversion\\",
    "\\software\\microsoft\\windows\\currentversion\\",
    "\\system\\currentcontrolset\\services\\",
    "\\system\\currentcontrolset\\control\\",
    "c:\\program files (x86)\\",
    "\\appdata\\local\\temp\\",
    "c:\\windows\\system32\\",
    "c:\\windows\\syswow64\\",
    "\\windows\\system32\\",
    "\\windows\\syswow64\\",
    "hkey_local_machine\\",
    "\\appdata\\roaming\\",
    "\\appdata\\local\\",
    "c:\\program files\\",
    "\\program files\\",
    "\\currentversion\\",
    "c:\\programdata\\",
    "\\microsoft\\",
    "\\software\\",
    "\\services\\",
    "\\system32\\",
    "\\syswow64\\",
    "\\windows\\",
    "c:\\users\\",
    "\\users\\",
    "\\temp\\",
    "hklm\\",
    "hkcu\\",
    "c:\\",
    "kernelbase.dll",
    "kernel32.dll",
    "powershell",
    "ntdll.dll",
    "microsoft",
    "rundll32",
    "explorer",
    "system32",
    "unknown(",
    "svchost",
    "windows",
    "lsass",
    "https://",
    "http://",
    ".exe",
    ".dll",
    "cmd",
];

/// The share of values that have the text in them, from 0 to 1: the less of it is usual and the more of it
/// is not, the smaller.
pub fn share(text: &str) -> f64 {
    const MOST: usize = 40;
    let mut rest = text.to_owned();
    for usual in USUAL {
        if rest.contains(usual) {
            rest = rest.replace(usual, "");
        }
    }
    // Signs between usual texts say little.
    let telling = rest.chars().filter(|c| c.is_alphanumeric()).count();
    let signs = rest.len().saturating_sub(telling);
    match telling {
        0 if rest.len() < text.len() => 0.3 * 0.9_f64.powi(signs.min(MOST) as i32),
        _ => 0.7_f64.powi(rest.len().min(MOST) as i32).min(0.3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_tells_little() {
        for (rare, usual) in [
            ("_ctypes.pyd+", "c:\\windows\\system32\\ntdll.dll+"),
            ("\\temp\\evil", "c:\\windows\\system32\\"),
            ("mimikatz", "katz"),
        ] {
            assert!(share(rare) < share(usual), "{rare} {usual}");
        }
        assert!(share("") <= 1.0 && share("x") > share("wxyz"));
    }
}
