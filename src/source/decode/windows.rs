//! Where an event of Windows belongs in Sigma's terms, told by its channel and its event id.
//! The tables: <https://github.com/SigmaHQ/sigma-specification/blob/main/specification/sigma-appendix-taxonomy.md>

use std::borrow::Cow;

use crate::model::{Document, Field, LogSource};

/// Channels in lower case with their services.
const SERVICES: &[(&str, &str)] = &[
    ("application", "application"),
    ("dns server", "dns-server"),
    ("microsoft-iis-configuration/operational", "iis-configuration"),
    ("microsoft-servicebus-client/admin", "servicebus-client"),
    ("microsoft-servicebus-client/operational", "servicebus-client"),
    ("microsoft-windows-application-experience/program-compatibility-assistant", "application-experience"),
    ("microsoft-windows-application-experience/program-telemetry", "application-experience"),
    ("microsoft-windows-applocker/exe and dll", "applocker"),
    ("microsoft-windows-applocker/msi and script", "applocker"),
    ("microsoft-windows-applocker/packaged app-deployment", "applocker"),
    ("microsoft-windows-applocker/packaged app-execution", "applocker"),
    ("microsoft-windows-appmodel-runtime/admin", "appmodel-runtime"),
    ("microsoft-windows-appxdeploymentserver/operational", "appxdeployment-server"),
    ("microsoft-windows-appxpackaging/operational", "appxpackaging-om"),
    ("microsoft-windows-bitlocker/bitlocker management", "bitlocker"),
    ("microsoft-windows-bits-client/operational", "bits-client"),
    ("microsoft-windows-capi2/operational", "capi2"),
    (
        "microsoft-windows-certificateservicesclient-lifecycle-system/operational",
        "certificateservicesclient-lifecycle-system",
    ),
    ("microsoft-windows-codeintegrity/operational", "codeintegrity-operational"),
    ("microsoft-windows-dhcp-server/operational", "dhcp"),
    ("microsoft-windows-diagnosis-scripted/operational", "diagnosis-scripted"),
    ("microsoft-windows-dns client events/operational", "dns-client"),
    ("microsoft-windows-dns-client/operational", "dns-client"),
    ("microsoft-windows-dns-server/analytical", "dns-server-analytic"),
    ("microsoft-windows-dns-server/audit", "dns-server-audit"),
    ("microsoft-windows-driverframeworks-usermode/operational", "driver-framework"),
    ("microsoft-windows-hyper-v-worker", "hyper-v-worker"),
    ("microsoft-windows-kernel-eventtracing", "kernel-event-tracing"),
    ("microsoft-windows-kernel-shimengine/operational", "kernel-shimengine"),
    ("wineventlog:microsoft-windows-kernel-shimengine/diagnostic", "kernel-shimengine"),
    ("microsoft-windows-ldap-client/debug", "ldap"),
    ("microsoft-windows-lsa/operational", "lsa-server"),
    ("microsoft-windows-ntfs/operational", "ntfs"),
    ("microsoft-windows-ntlm/operational", "ntlm"),
    ("microsoft-windows-powershell/operational", "powershell"),
    ("microsoft-windows-printservice/admin", "printservice-admin"),
    ("microsoft-windows-printservice/operational", "printservice-operational"),
    ("microsoft-windows-security-mitigations/kernel mode", "security-mitigations"),
    ("microsoft-windows-security-mitigations/user mode", "security-mitigations"),
    ("microsoft-windows-sense/operational", "sense"),
    ("microsoft-windows-shell-core/operational", "shell-core"),
    ("microsoft-windows-smbclient/connectivity", "smbclient-connectivity"),
    ("microsoft-windows-smbclient/security", "smbclient-security"),
    ("microsoft-windows-smbserver/connectivity", "smbserver-connectivity"),
    ("microsoft-windows-sysmon/operational", SYSMON),
    ("microsoft-windows-taskscheduler/operational", "taskscheduler"),
    (
        "microsoft-windows-terminalservices-localsessionmanager/operational",
        "terminalservices-localsessionmanager",
    ),
    ("microsoft-windows-vhdmp/operational", "vhdmp"),
    ("microsoft-windows-windows defender/operational", "windefend"),
    ("microsoft-windows-windows firewall with advanced security/firewall", "firewall-as"),
    ("microsoft-windows-wmi-activity/operational", "wmi"),
    ("msexchange management", "msexchange-management"),
    ("openssh/operational", "openssh"),
    ("powershellcore/operational", "powershell"),
    ("security", "security"),
    ("system", "system"),
    ("windows powershell", "powershell-classic"),
];

const SYSMON: &str = "sysmon";
/// Sysmon on Linux writes the same events.
const LINUX_SYSMON: &str = "linux-sysmon/operational";

/// The categories of an event of a service.
fn categories(service: &str, event: u64) -> &'static str {
    match (service, event) {
        (SYSMON, 1) => "process_creation",
        (SYSMON, 2) => "file_change",
        (SYSMON, 3) => "network_connection",
        (SYSMON, 4 | 16) => "sysmon_status",
        (SYSMON, 5) => "process_termination",
        (SYSMON, 6) => "driver_load",
        (SYSMON, 7) => "image_load",
        (SYSMON, 8) => "create_remote_thread",
        (SYSMON, 9) => "raw_access_thread",
        (SYSMON, 10) => "process_access",
        (SYSMON, 11) => "file_event",
        (SYSMON, 12) => "registry_event registry_add registry_delete",
        (SYSMON, 13) => "registry_event registry_set",
        (SYSMON, 14) => "registry_event registry_rename",
        (SYSMON, 15) => "create_stream_hash",
        (SYSMON, 17 | 18) => "pipe_created",
        (SYSMON, 19..=21) => "wmi_event",
        (SYSMON, 22) => "dns_query",
        (SYSMON, 23) => "file_delete",
        (SYSMON, 24) => "clipboard_capture",
        (SYSMON, 25) => "process_tampering",
        (SYSMON, 26) => "file_delete_detected",
        (SYSMON, 27) => "file_block_executable",
        (SYSMON, 28) => "file_block_shredding",
        (SYSMON, 29) => "file_executable_detected",
        (SYSMON, 255) => "sysmon_error",
        ("powershell-classic", 400) => "ps_classic_start",
        ("powershell-classic", 600) => "ps_classic_provider_start",
        ("powershell-classic", 800) => "ps_classic_script",
        ("powershell", 4103) => "ps_module",
        ("powershell", 4104) => "ps_script",
        _ => "",
    }
}

/// The log source of an event that carries `Channel` (and `EventID`); `None` if it does not, or the
/// channel is not known.
pub fn origin(document: &Document) -> Option<LogSource> {
    let channel = document.get("Channel").and_then(Field::str)?;
    let known = SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(channel));
    let (product, service) = match known {
        Some((_, service)) => ("windows", *service),
        None if channel.eq_ignore_ascii_case(LINUX_SYSMON) => ("linux", SYSMON),
        None => return None,
    };
    let event = document.get("EventID").and_then(number);
    Some(LogSource {
        product: Cow::Borrowed(product),
        service: Cow::Borrowed(service),
        also: Cow::Borrowed(""),
        category: Cow::Borrowed(event.map_or("", |event| categories(service, event))),
    })
}

fn number(field: Field) -> Option<u64> {
    field.unsigned().or_else(|| field.str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_and_event_id_tell_the_log_source() {
        for (json, expected) in [
            (
                r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1}"#,
                "windows/sysmon/process_creation",
            ),
            (
                r#"{"Channel":"microsoft-windows-sysmon/operational","EventID":"13"}"#,
                "windows/sysmon/registry_event registry_set",
            ),
            (r#"{"Channel":"Security","EventID":4688}"#, "windows/security/"),
            (r#"{"Channel":"security"}"#, "windows/security/"),
            (
                r#"{"Channel":"Windows PowerShell","EventID":400}"#,
                "windows/powershell-classic/ps_classic_start",
            ),
            (r#"{"Channel":"PowerShellCore/Operational","EventID":4104}"#, "windows/powershell/ps_script"),
            (r#"{"Channel":"Linux-Sysmon/Operational","EventID":11}"#, "linux/sysmon/file_event"),
            (r#"{"Channel":"mine","EventID":1}"#, "-"),
            (r#"{"EventID":1}"#, "-"),
            (r#"{"Channel":5}"#, "-"),
        ] {
            let found = origin(&Document::parse(json.into()).unwrap());
            let shown = found.map(|o| format!("{}/{}/{}", o.product, o.service, o.category));
            assert_eq!(shown.as_deref().unwrap_or("-"), expected, "{json}");
        }
    }
}
