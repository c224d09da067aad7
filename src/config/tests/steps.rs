use super::*;

#[test]
fn mistakes_between_steps_and_agents_are_named_with_their_place() {
    // The step is in line 4.
    let file = |step: &str| {
        format!(
            "workflow: w\ninputs: {{ a: ipv4, n: number, p: port, t: text, h: host, any: address }}\nsteps:\n  - {{ id: s, {step} }}\n"
        )
    };
    let cases = [
        (
            "role: WAL, action: block, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:20: there is no role `WAL`\n  hint: did you mean `WALL`?",
        ),
        (
            "agent: wall-2, action: block, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:21: there is no agent `wall-2`\n  hint: did you mean `wall-1`?",
        ),
        (
            "capabilities: [net.blok], action: block, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:29: there is no agent with capability `net.blok`\n  hint: did you mean `net.block`?",
        ),
        (
            "role: WALL, action: blok, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:34: there is no action `blok`\n  hint: did you mean `block`?",
        ),
        (
            "role: VOICE, action: block, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:35: no agent of role VOICE offers `block`\n  hint: it is offered by wall-1 (WALL)",
        ),
        (
            "role: VOICE, capabilities: [net.block], action: say, with: { text: x }",
            "t/workflows/w.yaml:4:62: no agent of role VOICE, with capability net.block offers `say`\n  hint: it is offered by voice-1 (VOICE)",
        ),
        ("role: WALL, action: block", "t/workflows/w.yaml:4:34: `block` needs `address` (ipv4)"),
        (
            "role: WALL, action: block, with: { adress: 192.0.2.1, address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:49: `block` takes no `adress`\n  hint: did you mean `address`?",
        ),
        (
            "role: WALL, action: block, with: { address: '::1' }",
            "t/workflows/w.yaml:4:58: `address` of `block`: expected an IPv4 address, found \"::1\"",
        ),
        (
            "role: WALL, action: block, with: { address: 192.0.2.1, note: 5 }",
            "t/workflows/w.yaml:4:75: `note` of `block`: expected text without control characters, at most 64 KiB, found 5\n  hint: put it in quotes",
        ),
        (
            "role: WALL, action: block, with: { address: '${inputs.t}' }",
            "t/workflows/w.yaml:4:58: `address` of `block` is ipv4, but `${inputs.t}` is text\n  hint: declare the input as ipv4",
        ),
        (
            "role: WALL, action: block, with: { address: '${inputs.any}' }",
            "t/workflows/w.yaml:4:58: `address` of `block` is ipv4, but `${inputs.any}` is address\n  hint: declare the input as ipv4",
        ),
        (
            "role: WALL, action: block, with: { address: '${run.id}' }",
            "t/workflows/w.yaml:4:58: `address` of `block` is ipv4, but `${run.id}` is text",
        ),
        (
            "role: VOICE, action: say, with: { text: hello }",
            "t/workflows/w.yaml:4:5: nothing undoes `say`\n  hint: say `undo: { action: … }`, or why there is no need: `undo: \"none: why\"`",
        ),
        (
            "role: VOICE, action: say, with: { text: x }, expires: 1h, undo: 'none: x'",
            "t/workflows/w.yaml:4:68: `say` takes no `expires`: it does not end by itself\n  hint: remove it",
        ),
        (
            "role: WALL, action: block, with: { address: 192.0.2.1 }, undo: { action: unblok }",
            "t/workflows/w.yaml:4:87: no agent offers `unblok`, which should undo the step\n  hint: did you mean `unblock`?",
        ),
        (
            "role: WALL, action: block, with: { address: 192.0.2.1 }, undo: { action: unblock, with: { adress: x } }",
            "t/workflows/w.yaml:4:104: `unblock` takes no `adress`\n  hint: did you mean `address`?",
        ),
        (
            "role: WALL, action: block, with: { address: 192.0.2.1 }, undo: { action: unblock, with: { address: x } }",
            "t/workflows/w.yaml:4:113: `address` of `unblock`: expected an IPv4 address, found \"x\"",
        ),
        (
            "role: VOICE, action: say, with: { text: x }, undo: { action: unblock }",
            "t/workflows/w.yaml:4:65: undo `unblock` needs `address` (ipv4)\n  hint: give it under `with` of the undo",
        ),
        (
            "role: WALL, action: look, with: { port: 22 }, undo: { action: say }",
            "t/workflows/w.yaml:4:66: undo `say` needs `text` (text)\n  hint: give it under `with` of the undo",
        ),
    ];
    let texts = cases.map(|(step, _)| file(step));
    let mut whole = 0;
    check(
        "workflows/w.yaml",
        cases.map(|(_, want)| {
            whole += 1;
            (texts[whole - 1].as_str(), want)
        }),
    );
    for step in [
        "role: WALL, action: block, with: { address: '${inputs.a}', note: '${inputs.h}' }, expires: 1h",
        "capabilities: [net.block], action: look, with: { port: '${inputs.p}', deep: '${inputs.p}' }, undo: 'none: x'",
        "agent: voice-1, action: say, with: { text: '${inputs.n} is a number' }, undo: { action: unblock, with: { address: '${inputs.a}' } }",
        "role: WALL, action: block, with: { address: '${detection.source_ip}' }",
        "role: VOICE, action: say, with: { text: '${inputs.n}' }, undo: 'none: x'",
    ] {
        assert_eq!(load_texts(&[("workflows/w.yaml", &file(step))]).err(), None, "{step}");
    }
}

#[test]
fn mistakes_between_workflows_and_rules_are_named() {
    let file = |name: &str, more: &str| {
        format!(
            "workflow: {name}\n{more}\nsteps:\n  - {{ id: s, role: VOICE, action: say, with: {{ text: x }}, undo: 'none: x' }}\n"
        )
    };
    let one = |name: &str, more: &str| {
        load_texts(&[("workflows/w.yaml", &file(name, more))]).err().unwrap_or_default()
    };
    assert_eq!(one("w", "trigger: { rule: scan }"), [""; 0]);
    assert_eq!(one("w", "trigger: { rule: 6a1c0d3e-0000-4000-8000-000000000001 }"), [""; 0]);
    assert_eq!(
        one("w", "trigger: { rule: scn }"),
        [
            "t/workflows/w.yaml:2:18: the trigger names a rule that is not there: `scn`\n  hint: did you mean `scan`?"
        ]
    );
    assert_eq!(
        one("w", "on_failure: v"),
        ["t/workflows/w.yaml:2:13: there is no workflow `v`\n  hint: did you mean `w`?"]
    );
    assert_eq!(
        one("w", "on_failure: w"),
        [
            "t/workflows/w.yaml:2:13: workflows follow each other in a circle: w → w\n  hint: remove one `on_failure`"
        ]
    );
    assert_eq!(
        one("w", "trigger: { rule: refused }"),
        [
            "t/workflows/w.yaml:2:18: rule `refused` only feeds others and finds nothing by itself\n  hint: name the correlation that it feeds, or set `generate: true` there"
        ]
    );
    assert_eq!(
        one("w", "trigger: { tags: [attack.discovry, attack.discovery] }"),
        [
            "t/workflows/w.yaml:2:19: no rule carries the tag `attack.discovry`\n  hint: did you mean `attack.discovery`?"
        ]
    );
    let broken = load_texts(&[
        ("workflows/w.yaml", &file("w", "trigger: { rule: scn }")),
        ("rules/x.yml", "name: x\n"),
    ]);
    let places: Vec<String> = broken.unwrap_err().iter().map(|m| m.chars().take(24).collect()).collect();
    assert_eq!(places, ["t/rules/x.yml:1:1: expec", "t/rules/x.yml:1:1: expec", "t/workflows/w.yaml:2:18:"]);
    let none =
        load_texts(&[("workflows/w.yaml", &file("w", "trigger: { rule: any }")), ("rules/r.yml", "-")]);
    assert_eq!(none.err(), None);
    let stem = load_texts(&[
        ("workflows/w.yaml", &file("w", "trigger: { rule: x }")),
        ("rules/x.yml", "title: X\ndetection: { a: { user: x }, condition: a }\n"),
    ]);
    assert_eq!(stem.err(), None);
    let three = load_texts(&[
        ("workflows/1.yaml", &file("c", "on_failure: a")),
        ("workflows/2.yaml", &file("a", "on_failure: b")),
        ("workflows/3.yaml", &file("b", "on_failure: c")),
        ("workflows/4.yaml", &file("x", "on_failure: c")),
        ("workflows/5.yaml", &file("x", "")),
    ]);
    assert_eq!(
        three.unwrap_err(),
        [
            "t/workflows/2.yaml:2:13: workflows follow each other in a circle: a → b → c → a\n  hint: remove one `on_failure`",
            "t/workflows/5.yaml:1:11: two workflows have the name `x`\n  hint: the other one is t/workflows/4.yaml",
        ]
    );
}
