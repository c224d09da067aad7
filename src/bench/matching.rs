//! Detection alone, one thread: a line is decoded, and what it matches is found. The lines are made
//! from a seed; of every thousandth it is known that one rule finds it.

use std::fmt::Write as _;
use std::sync::Arc;

use super::BenchError;
use super::result::{Checked, Work};
use super::samples::Samples;
use super::usage::Stopwatch;
use crate::detect::{Detector, LATENESS};
use crate::model::{Detection, Timestamp};
use crate::rule::{self, RuleSet};
use crate::runtime::clock::instant;
use crate::source::decode::{Decoder, Format, Options};

/// Lines at scale 1.
pub const LINES: u64 = 5_000;
/// Rules of the growth curve.
pub const RULES: &[u64] = &[10, 100, 1_000, 3_000];
/// Every so many lines one is found.
const PLANTED: u64 = 1_000;
/// Ports of the scan.
const PORTS: u64 = 20_000;
/// Of every so many signals one is timed: reading the clock costs as much as a short line.
const TIMED: u64 = 16;

/// What the lines are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Flows of Suricata, 410 bytes each.
    Network,
    /// Windows' security log, 2 KB each.
    Windows,
    /// Processes that Sysmon saw start, 1.8 KB each.
    Processes,
    /// One source and 20,000 ports, under a correlation that counts them.
    Scan,
}

impl Stream {
    /// Every one.
    pub const ALL: &'static [Stream] = &[Stream::Network, Stream::Windows, Stream::Processes, Stream::Scan];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Network => "network",
            Stream::Windows => "windows",
            Stream::Processes => "processes",
            Stream::Scan => "scan",
        }
    }
}

/// Draws numbers: `SplitMix64`, <https://prng.di.unimi.it/splitmix64.c>.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts.get(self.below(texts.len() as u64) as usize).copied().unwrap_or_default()
    }

    fn word(&mut self) -> String {
        (0..8).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }
}

const PROGRAMS: &[&str] = &[
    "powershell.exe",
    "cmd.exe",
    "svchost.exe",
    "rundll32.exe",
    "chrome.exe",
    "explorer.exe",
    "conhost.exe",
    "msiexec.exe",
    "wmiprvse.exe",
    "backgroundTaskHost.exe",
    "teams.exe",
    "git.exe",
    "python.exe",
    "reg.exe",
    "net.exe",
    "schtasks.exe",
];
const FOLDERS: &[&str] = &[
    r"C:\\Windows\\System32\\",
    r"C:\\Windows\\SysWOW64\\",
    r"C:\\Program Files\\Vendor\\Product\\",
    r"C:\\Users\\alice\\AppData\\Local\\Temp\\",
    r"C:\\Users\\bob\\Downloads\\",
];
/// What Windows says below each logon.
const EXPLAINED: &str = r"This event is generated when a logon session is created. It is generated on the computer that was accessed.\r\n\r\nThe subject fields indicate the account on the local system which requested the logon. This is most commonly a service such as the Server service, or a local process such as Winlogon.exe or Services.exe.\r\n\r\nThe logon type field indicates the kind of logon that occurred. The most common types are 2 (interactive) and 3 (network).\r\n\r\nThe New Logon fields indicate the account for whom the new logon was created, i.e. the account that was logged on.\r\n\r\nThe network fields indicate where a remote logon request originated. Workstation name is not always available and may be left blank in some cases.";

/// So many lines; each ends with a line feed.
pub fn lines(stream: Stream, count: u64, seed: u64) -> String {
    let mut draw = Draw(seed);
    let mut text = String::new();
    for n in 0..count {
        let at = Timestamp(1_773_482_400_000_000 + n as i64 * 500).to_string();
        // Writing to a String cannot fail.
        let _ = match stream {
            Stream::Network => network(&mut text, &mut draw, &at, n),
            Stream::Windows => windows(&mut text, &mut draw, &at, n),
            Stream::Processes => process(&mut text, &mut draw, &at, n),
            Stream::Scan => writeln!(
                text,
                r#"{{"timestamp":"{at}","flow_id":{n},"in_iface":"eth0","event_type":"flow","src_ip":"192.0.2.66","src_port":40022,"dest_ip":"10.0.0.9","dest_port":{},"proto":"TCP","flow":{{"pkts_toserver":1,"pkts_toclient":1,"bytes_toserver":60,"bytes_toclient":54,"state":"closed"}}}}"#,
                1 + n % PORTS
            ),
        };
    }
    text
}

fn network(text: &mut String, draw: &mut Draw, at: &str, n: u64) -> std::fmt::Result {
    let app =
        if n.is_multiple_of(PLANTED) { "planted" } else { draw.of(&["tls", "http", "dns", "ssh", "failed"]) };
    let (a, b, c) = (draw.below(250), draw.below(250), draw.below(60_000));
    writeln!(
        text,
        r#"{{"timestamp":"{at}","flow_id":{n},"in_iface":"eth0","event_type":"flow","src_ip":"10.1.{a}.{b}","src_port":{},"dest_ip":"192.0.2.{b}","dest_port":443,"proto":"TCP","app_proto":"{app}","flow":{{"pkts_toserver":12,"pkts_toclient":14,"bytes_toserver":{c},"bytes_toclient":8901,"start":"{at}","end":"{at}","age":1,"state":"closed","reason":"shutdown","alerted":false}}}}"#,
        1024 + c
    )
}

fn windows(text: &mut String, draw: &mut Draw, at: &str, n: u64) -> std::fmt::Result {
    let user = if n.is_multiple_of(PLANTED) { "planted".to_owned() } else { draw.word() };
    let (program, folder, id) = (draw.of(PROGRAMS), draw.of(FOLDERS), draw.below(1 << 32));
    writeln!(
        text,
        r#"{{"TimeCreated":"{at}","EventID":4624,"Channel":"Security","Hostname":"WORKSTATION5.example.org","Keywords":"0x8020000000000000","Severity":"INFO","SeverityValue":2,"ProviderGuid":"{{54849625-5478-4994-A5BA-3E3B0328C30D}}","Version":2,"Task":12544,"OpcodeValue":0,"RecordNumber":{n},"ExecutionProcessID":684,"ThreadID":{},"SubjectUserSid":"S-1-5-18","SubjectUserName":"WORKSTATION5$","SubjectDomainName":"EXAMPLE","SubjectLogonId":"0x3e7","TargetUserName":"{user}","TargetDomainName":"EXAMPLE","TargetLogonId":"0x{id:x}","LogonType":"{}","LogonProcessName":"Advapi","AuthenticationPackageName":"Negotiate","WorkstationName":"-","ProcessName":"{folder}{program}","IpAddress":"10.0.{}.{}","IpPort":"{}","Message":"An account was successfully logged on.\r\n\r\nNew Logon:\r\n\tAccount Name:\t\t{user}\r\n\tLogon ID:\t\t0x{id:x}\r\n\r\nProcess Information:\r\n\tProcess Name:\t{folder}{program}\r\n\r\n{EXPLAINED}"}}"#,
        draw.below(9_000),
        2 + draw.below(9),
        draw.below(250),
        draw.below(250),
        draw.below(60_000)
    )
}

fn process(text: &mut String, draw: &mut Draw, at: &str, n: u64) -> std::fmt::Result {
    let word = if n.is_multiple_of(PLANTED) { "planted-argument".to_owned() } else { draw.word() };
    let (program, folder, parent) = (draw.of(PROGRAMS), draw.of(FOLDERS), draw.of(PROGRAMS));
    let (id, a, b) = (draw.below(60_000), draw.below(1 << 48), draw.word());
    let command = format!(
        r#"\"{folder}{program}\" -NoProfile -ExecutionPolicy Bypass -File {folder}{b}\\{word}.ps1 -Server srv-{}.example.org"#,
        id % 50
    );
    writeln!(
        text,
        r#"{{"UtcTime":"{at}","EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"WORKSTATION5.example.org","Keywords":"0x8000000000000000","ProviderGuid":"{{5770385F-C22A-43E0-BF4C-06F5698FFBD9}}","RecordNumber":{n},"ProcessGuid":"{{{a:012x}-0000-0000}}","ProcessId":{id},"Image":"{folder}{program}","FileVersion":"10.0.19041.546","Description":"Host Process","Product":"Operating System","Company":"Vendor Corporation","OriginalFileName":"{program}","CommandLine":"{command}","CurrentDirectory":"{folder}","User":"EXAMPLE\\alice","LogonGuid":"{{{a:012x}-1111}}","LogonId":"0x3e7","TerminalSessionId":1,"IntegrityLevel":"Medium","Hashes":"SHA1={a:040x},MD5={a:032x},SHA256={a:064x},IMPHASH={a:032x}","ParentProcessGuid":"{{{a:012x}-2222}}","ParentProcessId":{},"ParentImage":"C:\\Windows\\{parent}","ParentCommandLine":"C:\\Windows\\{parent} -k netsvcs -p -s {b}","ParentUser":"EXAMPLE\\alice","Message":"Process Create:\r\nProcessId: {id}\r\nImage: {folder}{program}\r\nCommandLine: {command}\r\nUser: EXAMPLE\\alice\r\nParentImage: C:\\Windows\\{parent}"}}"#,
        id / 3
    )
}

/// So many rules like those that people write, a third for each of the three kinds of lines; and the
/// one that finds what was planted, or counts the ports.
///
/// # Errors
/// Never: they are made here.
pub fn rules(stream: Stream, count: u64) -> Result<Arc<RuleSet>, BenchError> {
    let mut draw = Draw(7);
    let mut files = vec![("rules/planted.yml".to_owned(), planted(stream).to_owned())];
    for n in 0..count {
        let (program, other, a, b, c) =
            (draw.of(PROGRAMS), draw.of(PROGRAMS), draw.word(), draw.word(), draw.word());
        let detection = match n % 3 {
            0 => format!(
                "logsource: {{ category: process_creation, product: windows }}\ndetection:\n  image:\n    - Image|endswith: ['\\{program}', '\\{a}.exe']\n    \
                 - OriginalFileName: {program}\n  line:\n    CommandLine|contains: [' -{a}', '{b}', '\\{c}\\']\n  known:\n    ParentImage|endswith: '\\{other}'\n  \
                 condition: image and line and not known\n"
            ),
            1 => format!(
                "logsource: {{ product: windows, service: security }}\ndetection:\n  event:\n    EventID: [4624, {}]\n    TargetUserName: ['{a}', 'svc_{b}*']\n  \
                 condition: event\n",
                4_600 + n % 300
            ),
            _ => format!(
                "logsource: {{ product: suricata }}\ndetection:\n  flow:\n    app_proto: '{a}'\n    dest_port: [{}, 443]\n  name:\n    tls.sni|endswith: '.{b}.example'\n  \
                 condition: flow or name\n",
                n % 60_000
            ),
        };
        files.push((
            format!("rules/{n}.yml"),
            format!("title: Rule {n}\nid: 00000000-0000-4000-8000-{n:012}\nname: rule-{n}\nlevel: low\n{detection}"),
        ));
    }
    let wrong = |mistakes: Vec<crate::model::Mistake>| {
        BenchError(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    Ok(Arc::new(rule::load(&files).map_err(wrong)?))
}

fn planted(stream: Stream) -> &'static str {
    match stream {
        Stream::Network => {
            "title: Planted\nname: planted\nlogsource: { product: suricata }\ndetection: { s: { app_proto: planted }, condition: s }\n"
        }
        Stream::Windows => {
            "title: Planted\nname: planted\nlogsource: { product: windows }\ndetection: { s: { TargetUserName: planted }, condition: s }\n"
        }
        Stream::Processes => {
            "title: Planted\nname: planted\nlogsource: { category: process_creation }\ndetection: { s: { CommandLine|contains: planted-argument }, condition: s }\n"
        }
        Stream::Scan => {
            "title: Flow\nname: flow\nlogsource: { product: suricata }\ndetection: { s: { event_type: flow }, condition: s }\n---\n\
             title: Planted\nname: planted\ncorrelation:\n  type: value_count\n  rules: [flow]\n  group-by: [source_ip]\n  timespan: 1h\n  \
             condition: { field: destination_port, gte: 100 }\n"
        }
    }
}

/// Decodes the lines and finds what they match.
///
/// # Errors
/// Never.
pub fn run(stream: Stream, lines: &str, rules: &Arc<RuleSet>) -> Result<Work, BenchError> {
    let mut decoder = Decoder::new(Format::Auto, Options::default());
    let mut detector = Detector::new(Arc::clone(rules), LATENESS, 1);
    let mut out = Vec::new();
    // The index is made for the first signal of a log source: that is no part of what is measured.
    if let Some(Ok(signal)) = lines.lines().next().map(|line| decoder.decode(line.as_bytes())) {
        detector.observe(&signal, &mut out);
        detector = detector.anew();
        out.clear();
    }
    let mut found = Found::default();
    let mut samples = Samples::with_room(lines.len() as u64 / 256);
    let (mut operations, mut succeeded) = (0, 0);
    let watch = Stopwatch::start();
    for line in each(lines) {
        let begun = (operations % TIMED == 0).then(instant);
        operations += 1;
        if let Ok(signal) = decoder.decode(line) {
            detector.observe(&signal, &mut out);
            decoder.reuse(signal);
            succeeded += 1;
        }
        if let Some(begun) = begun {
            samples.add(instant().duration_since(begun));
        }
        found.take(&mut out);
    }
    let usage = watch.stop();
    detector.finish(&mut out);
    found.take(&mut out);
    let planted = if stream == Stream::Scan { 1 } else { operations.div_ceil(PLANTED) };
    let checks = vec![Checked::new("planted detections", planted, found.planted.len() as u64)];
    Ok(Work { operations, succeeded, samples, usage, checks, ..Work::default() })
}

/// The lines, found as quickly as in a file.
fn each(lines: &str) -> impl Iterator<Item = &[u8]> {
    let mut rest = lines.as_bytes();
    std::iter::from_fn(move || {
        let (line, others) = rest.split_at_checked(memchr::memchr(b'\n', rest)?)?;
        rest = others.get(1..).unwrap_or_default();
        Some(line)
    })
}

/// Decodes the lines, and nothing else.
pub fn decode(lines: &str) -> Work {
    let mut decoder = Decoder::new(Format::Auto, Options::default());
    let watch = Stopwatch::start();
    let mut decoded = 0;
    for line in each(lines) {
        if let Ok(signal) = decoder.decode(line) {
            decoder.reuse(signal);
            decoded += 1;
        }
    }
    let usage = watch.stop();
    Work { operations: decoded, succeeded: decoded, usage, ..Work::default() }
}

/// The detections of the planted rule; one that goes on is one.
#[derive(Default)]
struct Found {
    planted: std::collections::BTreeSet<crate::model::DetectionId>,
}

impl Found {
    fn take(&mut self, out: &mut Vec<Detection>) {
        let planted = out.drain(..).filter(|found| &*found.rule.name == "planted");
        self.planted.extend(planted.map(|found| found.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_planted_is_found_among_any_number_of_rules() {
        for stream in Stream::ALL {
            let lines = lines(*stream, 2_500, 3);
            assert_eq!(lines, super::lines(*stream, 2_500, 3));
            for count in [0, 60] {
                let work = run(*stream, &lines, &rules(*stream, count).unwrap()).unwrap();
                assert_eq!((work.operations, work.succeeded), (2_500, 2_500), "{stream:?}");
                assert!(work.checks.iter().all(Checked::is_right), "{stream:?} {count} {:?}", work.checks);
            }
            assert_eq!(decode(&lines).succeeded, 2_500);
        }
    }
}
