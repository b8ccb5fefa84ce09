//! `bbox` and `bbox-crs`.

use crate::http::Problem;
use citywall_crs::Transform;
use citywall_model::Bbox;

/// The windows of a `bbox`: none without one, two across the antimeridian.
///
/// The heights of a six-number box are checked and passed over: items stand on the ground.
///
/// # Errors
/// The box is not four or six finite numbers in order, or the CRS is unknown.
pub fn windows(bbox: Option<&str>, crs: Option<&str>) -> Result<Vec<Bbox>, Problem> {
    let crs = crs.map(|crs| super::crs::parse(crs, "bbox-crs")).transpose()?.flatten();
    let Some(bbox) = bbox else { return Ok(Vec::new()) };
    let refuse = |reason: String| Err(Problem::parameter("bbox", reason));
    let mut numbers = Vec::new();
    for part in bbox.split(',') {
        match part.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => numbers.push(number),
            _ => return refuse(format!("“{}” is no number", part.chars().take(40).collect::<String>())),
        }
    }
    let [mut west, mut south, mut east, mut north] = match *numbers.as_slice() {
        [w, s, e, n] => [w, s, e, n],
        [w, s, low, e, n, high] if low <= high => [w, s, e, n],
        [_, _, low, _, _, high] => return refuse(format!("the lower height {low} is above the upper {high}")),
        _ => return refuse(format!("{} numbers where four (west, south, east, north) or six (with heights) are needed", numbers.len())),
    };
    if let Some(crs) = crs {
        if crs.north_first() {
            (west, south, east, north) = (south, west, north, east);
        }
        if !crs.is_lon_lat() {
            if west > east || south > north {
                return refuse("the lower corner must come before the upper".to_owned());
            }
            let transform = Transform::to_lon_lat(&crs).map_err(|error| Problem::parameter("bbox-crs", error))?;
            [west, south, east, north] = transform
                .apply_bounds([west, south, east, north])
                .map_err(|error| Problem::parameter("bbox", format!("cannot be turned into longitude and latitude: {error}")))?;
        }
    }
    if south > north {
        return refuse(format!("the southern edge {south} is north of the northern {north}"));
    }
    if !(-90.0..=90.0).contains(&south) || !(-90.0..=90.0).contains(&north) {
        return refuse(format!("latitudes go from -90 to 90, not from {south} to {north}"));
    }
    if !(-180.0..=180.0).contains(&west) || !(-180.0..=180.0).contains(&east) {
        return refuse(format!("longitudes go from -180 to 180, not from {west} to {east}"));
    }
    Ok(if west <= east {
        vec![Bbox::new(west, south, east, north)]
    } else {
        vec![Bbox::new(west, south, 180.0, north), Bbox::new(-180.0, south, east, north)]
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn one(bbox: &str, crs: Option<&str>) -> [f64; 4] {
        let windows = windows(Some(bbox), crs).unwrap();
        assert_eq!(windows.len(), 1);
        windows[0].into()
    }

    #[test]
    fn a_window_is_read_in_every_form() {
        assert_eq!(one("116,39,117.5,40", None), [116.0, 39.0, 117.5, 40.0]);
        assert_eq!(one("116,39,0,117.5,40,100", None), [116.0, 39.0, 117.5, 40.0]);
        let pacific = windows(Some("170,-10,-170,10"), None).unwrap();
        assert_eq!(pacific, [Bbox::new(170.0, -10.0, 180.0, 10.0), Bbox::new(-180.0, -10.0, -170.0, 10.0)]);
        assert!(windows(None, None).unwrap().is_empty());
    }

    #[test]
    fn a_crs_has_its_authoritys_axis_order() {
        let epsg = "http://www.opengis.net/def/crs/EPSG/0/";
        for code in ["4326", "4490"] {
            assert_eq!(one("39,116,40,117.5", Some(&format!("{epsg}{code}"))), [116.0, 39.0, 117.5, 40.0], "{code}");
        }
        assert_eq!(one("116,39,117.5,40", Some(super::super::CRS84)), [116.0, 39.0, 117.5, 40.0]);
        let mercator = one("12913060.93,4721671.57,13080040.17,4865942.28", Some("EPSG:3857"));
        for (found, wanted) in mercator.iter().zip([116.0, 39.0, 117.5, 40.0]) {
            assert!((found - wanted).abs() < 1e-6, "{mercator:?}");
        }
        // CGCS2000 / 3-degree Gauss-Kruger CM 117E: northing first.
        let zone = one("4320000,450000,4330000,460000", Some(&format!("{epsg}4548")));
        assert!((116.3..116.6).contains(&zone[0]) && (39.0..39.1).contains(&zone[1]), "{zone:?}");
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for bad in ["1,2,3", "1,2,3,4,5", "a,b,c,d", "", "1,2,3,NaN", "1,2,3,inf", "0,10,1,-10", "0,-91,1,0", "-181,0,0,1", "0,0,5,1,1,1"] {
            assert_eq!(windows(Some(bad), None).unwrap_err().status(), 400, "{bad}");
        }
        assert!(windows(Some("1,2,3,4"), Some("EPSG:1")).is_err());
        assert!(windows(None, Some("nonsense")).is_err());
    }
}
