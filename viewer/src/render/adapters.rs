//! The graphics adapters of this machine, and what they lack.

use bevy::render::settings::Backends;

/// What the wall asks of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterNeed {
    /// It has everything.
    Nothing,
    /// What it lacks.
    Missing(String),
}

/// A graphics adapter.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Its name.
    pub name: String,
    /// Discrete, integrated, virtual, or the processor itself.
    pub kind: String,
    /// Its driver and version.
    pub driver: String,
    /// True if the processor does the drawing.
    pub is_software: bool,
    /// What it lacks.
    pub lacks: AdapterNeed,
}

/// True if the best adapter that can draw the wall is the processor itself.
#[must_use]
pub fn is_software() -> bool {
    adapters().iter().find(|adapter| adapter.lacks == AdapterNeed::Nothing).is_some_and(|adapter| adapter.is_software)
}

/// The adapters of this machine, the best first.
#[must_use]
pub fn adapters() -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: Backends::all(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut found: Vec<(u8, Adapter)> = pollster(instance.enumerate_adapters(Backends::all()))
        .into_iter()
        .map(|adapter| {
            let info = adapter.get_info();
            let limits = adapter.limits();
            let lacks = if !adapter
                .get_downlevel_capabilities()
                .flags
                .contains(wgpu::DownlevelFlags::COMPUTE_SHADERS | wgpu::DownlevelFlags::VERTEX_STORAGE)
            {
                AdapterNeed::Missing("no compute shaders, or no storage buffers in vertex shaders".to_owned())
            } else if limits.max_storage_buffer_binding_size < 128 << 20 {
                AdapterNeed::Missing("storage buffers of less than 128 MiB".to_owned())
            } else {
                AdapterNeed::Nothing
            };
            let (rank, kind) = match info.device_type {
                wgpu::DeviceType::DiscreteGpu => (0, "discrete"),
                wgpu::DeviceType::IntegratedGpu => (1, "integrated"),
                wgpu::DeviceType::VirtualGpu => (2, "virtual"),
                wgpu::DeviceType::Cpu => (4, "processor"),
                wgpu::DeviceType::Other => (3, "unknown"),
            };
            let driver = format!("{:?} {} {}", info.backend, info.driver, info.driver_info).trim().to_owned();
            (rank, Adapter { name: info.name, kind: kind.to_owned(), driver, is_software: rank == 4, lacks })
        })
        .collect();
    found.sort_by_key(|f| f.0);
    found.into_iter().map(|f| f.1).collect()
}

fn pollster<T>(future: impl Future<Output = T>) -> T {
    bevy::tasks::block_on(future)
}
