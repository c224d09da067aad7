//! What people write is taken up to its limit, and not a byte more.

use super::world::World;

const APPROVED: &str = "
workflow: approved
steps:
  - { id: a, role: WALL, action: block, with: { address: a }, approval: true }
";
const BY_HAND: &str = "
workflow: by-hand
steps:
  - { id: a, role: HAND, action: unplug, with: { host: web-1 } }
";
const IN_DOUBT: &str = "
workflow: in-doubt
steps:
  - { id: a, role: WALL, action: once, with: { address: a } }
";
const DONE: &str = "
workflow: done
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
";

#[test]
fn a_text_has_so_many_bytes_and_no_more() {
    for (workflow, before, request, most) in [
        (APPROVED, "trigger approved", "deny run-1 a", 1_024),
        (BY_HAND, "trigger by-hand", "answer run-1 a done", 4_096),
        (IN_DOUBT, "trigger in-doubt\n crash", "settle run-1 a done", 4_096),
        (DONE, "trigger done\n ok a", "lift run-1", 4_096),
    ] {
        for (len, taken) in [(most - 1, true), (most, true), (most + 1, false), (most + 2, false)] {
            let mut world = World::new(&[workflow]);
            world.play(before);
            let told = world.play(&format!("{request} {}", "x".repeat(len)));
            assert_eq!(told.contains("Accepted"), taken, "{request} {len}");
            let why = format!("has {len} bytes, at most {most} are taken");
            assert_eq!(told.contains(&why), !taken, "{request} {len}: {}", &told[..told.len().min(300)]);
        }
    }
}
