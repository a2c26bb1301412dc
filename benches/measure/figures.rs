//! Figures, and the one table they end in.

use std::fmt;
use std::fs;

/// One line: what was measured, Vigie's figure, what it is beside, their ratio, what is aimed at.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 5]>,
}

impl Table {
    pub fn add(&mut self, what: &str, vigie: String, beside: String, ratio: String, aim: &str) {
        eprintln!("  {what}: {vigie} | {beside} | {ratio}");
        self.rows.push([what.to_owned(), vigie, beside, ratio, aim.to_owned()]);
    }

    /// A line with nothing beside it.
    pub fn alone(&mut self, what: &str, vigie: String, aim: &str) {
        self.add(what, vigie, String::new(), String::new(), aim);
    }

    /// A line of figures taken in pairs: medians of both, and the median and range of the ratios.
    pub fn pairs(&mut self, what: &str, unit: &str, decimals: usize, pairs: &Pairs, aim: &str) {
        let told = |side: fn(&(f64, f64)) -> f64| {
            format!("{:.decimals$} {unit}", median(pairs.0.iter().map(side)))
        };
        let (vigie, beside) = (told(|pair| pair.0), told(|pair| pair.1));
        self.add(what, vigie, beside, pairs.ratio(), aim);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Measured on {}.\n", machine())?;
        writeln!(f, "| what | Vigie | beside it | ratio (range) | aim |\n|---|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// Figures of Vigie and of what it is beside, each two taken one after the other.
#[derive(Default)]
pub struct Pairs(pub Vec<(f64, f64)>);

impl Pairs {
    fn ratio(&self) -> String {
        let ratios: Vec<_> = self.0.iter().map(|(vigie, beside)| vigie / beside).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        format!("{:.2} ({least:.2}–{most:.2})", median(ratios.iter().copied()))
    }
}

/// Of an even number, midway between the two in the middle.
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    f64::midpoint(figures[(figures.len() - 1) / 2], figures[middle])
}

/// The figure that `part` of all figures don't exceed.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn percentile(figures: impl Iterator<Item = f64>, part: f64) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let at = ((figures.len() as f64 * part).ceil() as usize).saturating_sub(1);
    *figures.get(at).expect("at least one figure")
}

/// The processor and how many there are of it.
fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{count} cores of {}", name.unwrap_or("an unknown processor").trim())
}
