//! Invented names: poetic, plausible, and belonging to no real place on purpose.

use crate::plane::Rng;
use rustc_hash::FxHashSet;

const FIRST: [&str; 64] = [
    "海棠", "银杏", "听雨", "望潮", "云栖", "镜水", "金穗", "白鹭", "紫藤", "松风", "晴岚", "月照", "柳浪", "桐荫", "芦花", "杏林", "竹影",
    "荷香", "枫桥", "梅溪", "星河", "朝晖", "晚晴", "春熙", "秋实", "瑞雪", "长歌", "静澜", "碧波", "翠微", "丹枫", "玉泉", "采薇", "鹿鸣",
    "鹤汀", "燕归", "雁栖", "凤鸣", "锦鲤", "青禾", "麦浪", "盐歌", "渔歌", "帆影", "灯塔", "潮音", "沙洲", "石桥", "古槐", "双柏", "百合",
    "芙蓉", "茉莉", "丁香", "木槿", "合欢", "榆钱", "枣香", "葡园", "莲塘", "明湖", "云帆", "晓月", "霞光",
];
const SECOND: [&str; 24] = [
    "安", "和", "福", "康", "宁", "泰", "兴", "盛", "华", "新", "嘉", "祥", "怡", "雅", "景", "乐", "德", "仁", "义", "信", "文", "明",
    "东", "西",
];
const QUARTER: [&str; 14] = ["里", "园", "苑", "花园", "家园", "坊", "公寓", "新村", "北里", "南里", "东里", "西里", "雅居", "名邸"];
const VILLAGE: [&str; 12] = ["庄", "村", "营", "台", "堡", "口", "桥", "庄子", "屯", "坨", "洼", "铺"];
const SURNAME: [&str; 24] = [
    "张", "王", "李", "刘", "陈", "杨", "赵", "孙", "周", "吴", "徐", "马", "朱", "胡", "郭", "何", "高", "林", "罗", "郑", "梁", "谢",
    "宋", "唐",
];
const ROAD: [&str; 6] = ["道", "路", "道", "路", "街", "大街"];

/// Hands out names, none twice within one scope.
pub(crate) struct Names {
    rng: Rng,
    used: FxHashSet<String>,
}

impl Names {
    pub fn new(seed: u64, purpose: &str, place: u64) -> Self {
        Self { rng: Rng::new(seed, purpose, place), used: FxHashSet::default() }
    }

    fn fresh(&mut self, mut make: impl FnMut(&mut Rng) -> String) -> String {
        for _ in 0..40 {
            let name = make(&mut self.rng);
            if self.used.insert(name.clone()) {
                return name;
            }
        }
        // All that is left is to count.
        let stem = make(&mut self.rng);
        let name = (2..).map(|n| format!("{stem}{n}号")).find(|n| !self.used.contains(n)).unwrap_or(stem);
        self.used.insert(name.clone());
        name
    }

    pub fn street(&mut self, town: bool) -> String {
        self.fresh(|r| {
            let stem = if r.chance(0.6) { (*r.pick(&FIRST)).to_owned() } else { format!("{}{}", r.pick(&FIRST), r.pick(&SECOND)) };
            format!("{stem}{}", if town { "镇" } else { "街道" })
        })
    }

    pub fn community(&mut self, village: bool) -> String {
        self.fresh(|r| {
            if village {
                match r.below(3) {
                    0 => format!("{}家{}村", r.pick(&SURNAME), r.pick(&VILLAGE[4..])),
                    1 => format!("{}{}村", r.pick(&FIRST), r.pick(&["", "东", "西", "南", "北"])),
                    _ => format!(
                        "{}{}{}村",
                        ["大", "小", "前", "后", "东", "西"][r.below(6)],
                        r.pick(&SURNAME),
                        ["庄", "营", "台", "堡", "屯", "坨"][r.below(6)]
                    ),
                }
            } else {
                format!("{}{}社区", r.pick(&FIRST), r.pick(&QUARTER))
            }
        })
    }

    pub fn road(&mut self) -> String {
        self.fresh(|r| format!("{}{}{}", r.pick(&FIRST), if r.chance(0.45) { r.pick(&SECOND) } else { "" }, r.pick(&ROAD)))
    }

    /// A small street's name; small streets in different quarters may share one.
    pub fn lane(&mut self) -> String {
        format!("{}{}", self.rng.pick(&FIRST), self.rng.pick(&["里", "巷", "胡同", "支路", "小街", "横路"]))
    }

    pub fn of(&mut self, suffix: &str) -> String {
        self.fresh(|r| format!("{}{}{suffix}", r.pick(&FIRST), if r.chance(0.6) { r.pick(&SECOND) } else { "" }))
    }
}
