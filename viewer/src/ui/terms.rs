//! The words of the wall for the names and values that the city's own collections have. What has no word is shown as
//! it is in the source.
//!
//! States of a case are those of digital urban management (case workflow, 数字城管); ON and OFF are the states of a
//! device in GB/T 28181; road classes are OpenStreetMap's.

/// Names of properties: the source's, and the wall's.
const NAMES: &[(&str, &str)] = &[
    ("acknowledged_at", "确认时间"),
    ("acknowledged_by", "确认人"),
    ("area_km2", "面积（平方公里）"),
    ("bridge", "桥梁"),
    ("built", "建成年份"),
    ("class", "类别"),
    ("closed_at", "结案时间"),
    ("closed_by", "结案人"),
    ("code", "编码"),
    ("community", "社区"),
    ("count", "次数"),
    ("district", "区"),
    ("ended", "结束时间"),
    ("fclass", "道路等级"),
    ("floors", "层数"),
    ("footprint_m2", "占地（平方米）"),
    ("generated", "程序生成"),
    ("grid", "单元网格"),
    ("ground_m", "地面高程（米）"),
    ("handled_at", "处置时间"),
    ("handled_by", "处置人"),
    ("heading", "朝向（度）"),
    ("height", "高度（米）"),
    ("kind", "类型"),
    ("kind_name", "类别"),
    ("lanes", "车道数"),
    ("level", "级别"),
    ("oneway", "单行"),
    ("people", "人口"),
    ("road", "道路"),
    ("rule", "规则"),
    ("since", "此状态始于"),
    ("size", "规模"),
    ("source", "来源"),
    ("speed", "速度（公里/时）"),
    ("state", "状况"),
    ("status", "状态"),
    ("street", "街道"),
    ("time", "时间"),
    ("type", "类型"),
    ("unit", "单位"),
    ("use", "用途"),
    ("value", "数值"),
    ("width_m", "宽度（米）"),
];

/// Values: the property that has them, the source's value, and the wall's.
const VALUES: &[(&str, &str, &str)] = &[
    ("class", "river", "河流"),
    ("class", "lake", "湖泊"),
    ("class", "park", "公园"),
    ("class", "belt", "绿带"),
    ("fclass", "motorway", "高速公路"),
    ("fclass", "trunk", "快速路"),
    ("fclass", "primary", "主干路"),
    ("fclass", "secondary", "次干路"),
    ("fclass", "tertiary", "支路"),
    ("fclass", "residential", "居住区道路"),
    ("fclass", "service", "内部道路"),
    ("fclass", "track", "乡村道路"),
    ("fclass", "unclassified", "其他道路"),
    ("kind", "air_quality", "空气质量"),
    ("kind", "ambulance", "救护车"),
    ("kind", "bridge_strain", "桥梁应变"),
    ("kind", "bus", "公交车"),
    ("kind", "clinic", "卫生服务中心"),
    ("kind", "college", "高等院校"),
    ("kind", "committee", "居民委员会"),
    ("kind", "elderly_care", "养老机构"),
    ("kind", "fire_station", "消防救援站"),
    ("kind", "gas", "燃气泄漏"),
    ("kind", "hazmat", "危化品车"),
    ("kind", "heat", "供热温度"),
    ("kind", "hospital", "医院"),
    ("kind", "kindergarten", "幼儿园"),
    ("kind", "library", "图书馆"),
    ("kind", "manhole", "井盖状态"),
    ("kind", "market", "菜市场"),
    ("kind", "middle_school", "中学"),
    ("kind", "muck_truck", "渣土车"),
    ("kind", "noise", "噪声"),
    ("kind", "patrol", "巡逻车"),
    ("kind", "pipe_pressure", "供水压力"),
    ("kind", "police", "派出所"),
    ("kind", "primary_school", "小学"),
    ("kind", "rain", "雨量"),
    ("kind", "sanitation", "环卫车"),
    ("kind", "sports", "体育场馆"),
    ("kind", "street_light", "照明控制"),
    ("kind", "street_office", "街道办事处"),
    ("kind", "traffic", "交通流量"),
    ("kind", "waste_bin", "垃圾满溢"),
    ("kind", "water_level", "水位"),
    ("kind", "water_quality", "水质"),
    ("kind", "waterlogging", "积水"),
    ("kind", "weather", "气象"),
    ("level", "1", "一级 · 红色"),
    ("level", "2", "二级 · 橙色"),
    ("level", "3", "三级 · 黄色"),
    ("level", "4", "四级 · 蓝色"),
    ("source", "demo-feed", "演示数据源"),
    ("source", "rules", "规则"),
    ("status", "acknowledged", "已确认"),
    ("status", "cleared", "已解除"),
    ("status", "closed", "已结案"),
    ("status", "dispatched", "处置中"),
    ("status", "handled", "已处置"),
    ("status", "offline", "离线"),
    ("status", "online", "在线"),
    ("status", "open", "待派遣"),
    ("status", "raised", "待确认"),
    ("status", "removed", "已移除"),
    ("status", "OFF", "离线"),
    ("status", "ON", "在线"),
    ("type", "box", "枪机"),
    ("type", "checkpoint", "卡口"),
    ("type", "dome", "球机"),
    ("type", "fixed", "半球"),
    ("use", "commercial", "商业"),
    ("use", "industrial", "工业"),
    ("use", "office", "办公"),
    ("use", "public", "公共"),
    ("use", "residential", "居住"),
];

/// What a property is called.
#[must_use]
pub fn name_of(property: &str) -> &str {
    NAMES.iter().find(|(source, _)| *source == property).map_or(property, |(_, word)| word)
}

/// What a value of a property is called.
#[must_use]
pub fn value_of<'a>(property: &str, value: &'a str) -> &'a str {
    VALUES.iter().find(|(of, source, _)| *of == property && *source == value).map_or(value, |(_, _, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_word_is_called_by_it_and_the_rest_as_in_the_source() {
        assert_eq!((name_of("use"), value_of("use", "residential")), ("用途", "居住"));
        assert_eq!((value_of("fclass", "residential"), value_of("status", "ON")), ("居住区道路", "在线"));
        assert_eq!((name_of("voltage_kv"), value_of("kind", "tram")), ("voltage_kv", "tram"));
    }
}
