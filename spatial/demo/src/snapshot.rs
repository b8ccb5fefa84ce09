//! What a camera of the demo city would see: a street that is drawn from the camera's code, and says so. It is no
//! picture of anything.

/// Width and height of a snapshot in pixels.
pub const SNAPSHOT_SIZE: (usize, usize) = (480, 270);

const WIDTH: i32 = SNAPSHOT_SIZE.0 as i32;
const HEIGHT: i32 = SNAPSHOT_SIZE.1 as i32;
/// Lines of a glyph, and what a line of text takes.
const GLYPH_LINES: i32 = 24;
const STRIP: i32 = 32;

/// A character, its width, and its lines from the top; the leftmost pixel is the highest bit. Drawn once from Noto
/// Sans SC (SIL Open Font License 1.1), which the wall has as a font.
type Glyph = (char, u32, [u32; GLYPH_LINES as usize]);
#[rustfmt::skip]
const GLYPHS: [Glyph; 22] = [
    ('程', 20, [0x00000, 0x00000, 0x02000, 0x3f7fc, 0x7e7fc, 0x7c60c, 0x0c60c, 0x1c7fc, 0x7f7fc, 0x7f7fc, 0x1c000, 0x1effe, 0x3fffe, 0x3f0e0, 0x7d7fc, 0xec7fe, 0x4c7fc, 0x0c0e0, 0x0cffe, 0x0cffe, 0x0c000, 0x00000, 0x00000, 0x00000]),
    ('序', 20, [0x00000, 0x00000, 0x00700, 0x00300, 0x3fffe, 0x3fffe, 0x38000, 0x3bff8, 0x3bff8, 0x38070, 0x38fe0, 0x387c0, 0x37ffc, 0x37ffe, 0x3039c, 0x3039c, 0x70398, 0x70380, 0x60380, 0x61f80, 0x20f00, 0x00000, 0x00000, 0x00000]),
    ('生', 20, [0x00000, 0x00000, 0x08600, 0x0c600, 0x1c600, 0x1cf00, 0x3fffc, 0x3fffc, 0x70600, 0x70600, 0x20600, 0x0fff8, 0x1fff8, 0x1fff8, 0x00600, 0x00600, 0x00600, 0x00600, 0x7fffe, 0x7fffe, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('成', 20, [0x00000, 0x00000, 0x003b0, 0x003bc, 0x0039c, 0x3fffe, 0x3fffe, 0x38380, 0x38180, 0x3f99c, 0x3fd9c, 0x3fdf8, 0x39df8, 0x39df0, 0x31cf0, 0x318e6, 0x379e6, 0x77bf6, 0x70f7e, 0x60e3e, 0x20418, 0x00000, 0x00000, 0x00000]),
    ('不', 20, [0x00000, 0x00000, 0x00000, 0x7fffe, 0x7fffe, 0x7fffe, 0x00700, 0x00f00, 0x01e00, 0x03fc0, 0x07ff0, 0x0fe78, 0x1e63c, 0x7c61e, 0x7860e, 0x20604, 0x00600, 0x00600, 0x00600, 0x00600, 0x00600, 0x00000, 0x00000, 0x00000]),
    ('是', 20, [0x00000, 0x00000, 0x00000, 0x1fff8, 0x1c038, 0x1fff8, 0x1fff8, 0x18038, 0x1fff8, 0x1fff8, 0x3fffc, 0x7fffe, 0x7fffe, 0x0c700, 0x0c7fc, 0x1c7fc, 0x1e700, 0x3ff00, 0x7bffe, 0x71ffe, 0x200fc, 0x00000, 0x00000, 0x00000]),
    ('实', 20, [0x00000, 0x00000, 0x00e00, 0x00700, 0x7fffe, 0x7fffe, 0x7000e, 0x7730e, 0x37b0c, 0x01700, 0x1c700, 0x1e700, 0x04700, 0x3fffc, 0x7fffe, 0x3fffc, 0x01dc0, 0x079f0, 0x3f07c, 0x3e01c, 0x10000, 0x00000, 0x00000, 0x00000]),
    ('拍', 20, [0x00000, 0x00000, 0x1c0e0, 0x1c0e0, 0x1c0c0, 0x1c7fc, 0x7fffe, 0x7fffe, 0x1ce0e, 0x1ce0e, 0x1ce0e, 0x1fffe, 0x7fffe, 0x7cffe, 0x5ce0e, 0x1ce0e, 0x1ce0e, 0x1cffe, 0x78ffe, 0x78ffe, 0x30e0c, 0x00000, 0x00000, 0x00000]),
    ('画', 20, [0x00000, 0x00000, 0x00000, 0x7fffe, 0x7fffe, 0x3fffc, 0x00000, 0x07fe0, 0x37fec, 0x7666e, 0x766ee, 0x77fee, 0x77fee, 0x7666e, 0x77fee, 0x77fee, 0x7000e, 0x7000e, 0x7fffe, 0x3fffe, 0x0000c, 0x00000, 0x00000, 0x00000]),
    ('面', 20, [0x00000, 0x00000, 0x00000, 0x7fffe, 0x7fffe, 0x00e00, 0x00e00, 0x3fffc, 0x3fffc, 0x3b9dc, 0x331cc, 0x33fcc, 0x33fcc, 0x331cc, 0x33fcc, 0x33fcc, 0x331cc, 0x3fffc, 0x3fffc, 0x3fffc, 0x3000c, 0x00000, 0x00000, 0x00000]),
    ('0', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x000f0, 0x001f8, 0x0039c, 0x0071c, 0x0070e, 0x0070e, 0x0070e, 0x0070e, 0x0070e, 0x0070e, 0x0070e, 0x0071c, 0x0039c, 0x003f8, 0x001f0, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('1', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x00070, 0x003f0, 0x003f0, 0x00070, 0x00070, 0x00070, 0x00070, 0x00070, 0x00070, 0x00070, 0x00070, 0x00070, 0x000f0, 0x003fe, 0x003fe, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('2', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x001f0, 0x007f8, 0x0073c, 0x0021c, 0x0001c, 0x0001c, 0x0001c, 0x00038, 0x00078, 0x00070, 0x000e0, 0x001c0, 0x003dc, 0x007fe, 0x007fe, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('3', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x001f0, 0x007f8, 0x0033c, 0x0001c, 0x0001c, 0x0001c, 0x000f8, 0x000f0, 0x000fc, 0x0001c, 0x0000e, 0x0001e, 0x0071c, 0x007fc, 0x003f8, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('4', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x00038, 0x0007c, 0x000fc, 0x000fc, 0x001dc, 0x0019c, 0x0039c, 0x0071c, 0x0071c, 0x00ffe, 0x00ffe, 0x0001c, 0x0001c, 0x0001c, 0x0001c, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('5', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x003fc, 0x003fc, 0x003fc, 0x00380, 0x00380, 0x003e0, 0x003f8, 0x003fc, 0x0001c, 0x0000e, 0x0000e, 0x0001c, 0x0073c, 0x007f8, 0x003f0, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('6', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x000f8, 0x001fc, 0x003dc, 0x00380, 0x00700, 0x00700, 0x00778, 0x007fc, 0x0078e, 0x0070e, 0x0070e, 0x0070e, 0x0039e, 0x001fc, 0x000f8, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('7', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x007fe, 0x007fe, 0x007fe, 0x0001c, 0x00038, 0x00038, 0x00070, 0x00070, 0x00070, 0x000e0, 0x000e0, 0x000e0, 0x000e0, 0x000e0, 0x000e0, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('8', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x000f0, 0x003fc, 0x0039c, 0x0030c, 0x0030c, 0x0039c, 0x001f8, 0x001f8, 0x003fc, 0x0071e, 0x0070e, 0x0070e, 0x0070e, 0x003fc, 0x001f8, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('9', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x001f0, 0x003f8, 0x007bc, 0x0071c, 0x0070e, 0x0070e, 0x0071e, 0x007fe, 0x003ee, 0x0008e, 0x0000c, 0x0001c, 0x0033c, 0x007f8, 0x003f0, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    (':', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00070, 0x000f0, 0x00070, 0x00060, 0x00000, 0x00000, 0x00000, 0x00020, 0x00070, 0x000f0, 0x00070, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
    ('-', 12, [0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x001f0, 0x001f8, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000, 0x00000]),
];

/// A picture of RGB pixels, row by row.
struct Sheet(Vec<u8>);

impl Sheet {
    fn dot(&mut self, x: i32, y: i32, tone: u8) {
        if (0..WIDTH).contains(&x) && (0..HEIGHT).contains(&y) {
            let at = (y * WIDTH + x) as usize * 3;
            // A cool grey: colour belongs to alarms.
            let blue = tone.saturating_add(tone / 8);
            self.0[at..at + 3].copy_from_slice(&[tone, tone.saturating_add(tone / 16), blue]);
        }
    }

    fn block(&mut self, [left, top, width, height]: [f64; 4], tone: f64) {
        for y in top.round() as i32..(top + height).round() as i32 {
            for x in left.round() as i32..(left + width).round() as i32 {
                self.dot(x, y, shade(tone));
            }
        }
    }

    /// Between two slanted lines: where each is at the upper and at the lower edge.
    fn trapezium(&mut self, (top, bottom): (f64, f64), left: (f64, f64), right: (f64, f64), tone: f64) {
        for y in top.round() as i32..bottom.round() as i32 {
            let t = (f64::from(y) - top) / (bottom - top).max(1.0);
            let at = |side: (f64, f64)| (side.0 + (side.1 - side.0) * t).round() as i32;
            for x in at(left)..at(right).max(at(left) + 1) {
                self.dot(x, y, shade(tone));
            }
        }
    }

    /// A line of text on a dark strip; characters without a glyph are left out.
    fn text(&mut self, top: i32, text: &str) {
        self.block([0.0, f64::from(top), f64::from(WIDTH), f64::from(STRIP)], 0.04);
        let mut left = 8;
        for character in text.chars() {
            let Some((_, width, lines)) = GLYPHS.iter().find(|glyph| glyph.0 == character) else {
                left += 10;
                continue;
            };
            for (y, line) in (0..).zip(lines) {
                for x in (0..*width).filter(|x| line >> (width - 1 - x) & 1 == 1) {
                    self.dot(left + x as i32, top + 4 + y, 235);
                }
            }
            left += *width as i32 + 1;
        }
    }
}

fn shade(tone: f64) -> u8 {
    (tone.clamp(0.0, 1.0) * 255.0) as u8
}

/// The picture of a camera by its code, at a local time that is written into it as it is given
/// (`2026-03-01 08:15:00`): RGB, row by row, [`SNAPSHOT_SIZE`]. The same code has the same street. O(pixels).
#[must_use]
pub fn snapshot(code: &str, time: &str) -> Vec<u8> {
    let mut seed = code.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 40) as f64 / (1u64 << 24) as f64
    };
    let (width, height) = (f64::from(WIDTH), f64::from(HEIGHT));
    let mut sheet = Sheet(vec![0; SNAPSHOT_SIZE.0 * SNAPSHOT_SIZE.1 * 3]);
    sheet.block([0.0, 0.0, width, height], 0.22);
    let horizon = height * (0.34 + 0.08 * random());
    let vanish = width * (0.35 + 0.3 * random());
    let mut x = -10.0;
    while x < width {
        let (w, h) = (20.0 + 44.0 * random(), 20.0 + height * 0.26 * random());
        sheet.block([x, horizon - h, w, h + 3.0], 0.26 + 0.14 * random());
        x += w + 4.0;
    }
    sheet.block([0.0, horizon, width, height - horizon], 0.30);
    let (left, right) = (width * -0.15, width * (0.95 + 0.3 * random()));
    sheet.trapezium((horizon, height), (vanish - 6.0, left), (vanish + 6.0, right), 0.40);
    let at = |foot: f64, t: f64| (vanish + (foot - vanish) * t, horizon + (height - horizon) * t);
    for lane in 1..4 {
        let foot = left + (right - left) * f64::from(lane) / 4.0;
        for k in 0..6 {
            let t = |v: f64| (v / 6.0).powi(2);
            let (from, to) = (t(f64::from(k) + 0.35), t(f64::from(k) + 0.8));
            let ((x0, y0), (x1, y1)) = (at(foot, from), at(foot, to));
            let half = |t: f64| 0.4 + 2.6 * t;
            sheet.trapezium((y0, y1), (x0 - half(from), x1 - half(to)), (x0 + half(from), x1 + half(to)), 0.66);
        }
    }
    for _ in 0..5 {
        let t = 0.12 + 0.6 * random() * random();
        let (x, y) = at(left + (right - left) * (0.12 + 0.76 * random()), t);
        let w = 70.0 * t + 5.0;
        sheet.block([x - w / 2.0, y - w * 0.62, w, w * 0.62], 0.48 + 0.3 * random());
        sheet.block([x - w * 0.4, y - w * 0.55, w * 0.8, w * 0.2], 0.18);
    }
    sheet.text(0, &format!("程序生成 不是实拍 {code}"));
    sheet.text(HEIGHT - STRIP, time);
    sheet.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_keeps_its_street_and_another_has_another() {
        let (a, b) = (snapshot("12010100001321000001", "2026-03-01 08:15:00"), snapshot("12010100001321000002", "2026-03-01 08:15:00"));
        assert_eq!(a.len(), SNAPSHOT_SIZE.0 * SNAPSHOT_SIZE.1 * 3);
        assert_eq!(a, snapshot("12010100001321000001", "2026-03-01 08:15:00"));
        assert_ne!(a, b);
        // Whatever the camera, the picture says what it is, and when.
        let words =
            |picture: &[u8]| -> Vec<u8> { (0..STRIP).flat_map(|y| picture[(y * WIDTH * 3) as usize..][..180 * 3].to_vec()).collect() };
        assert_eq!(words(&a), words(&b));
        assert!(words(&a).iter().filter(|tone| **tone > 200).count() > 2_000);
        assert_ne!(a, snapshot("12010100001321000001", "2026-03-01 08:15:05"));
    }

    #[test]
    fn a_code_that_is_no_code_is_drawn_as_well() {
        assert_eq!(snapshot("", "").len(), snapshot(&"长".repeat(500), "?").len());
    }
}
