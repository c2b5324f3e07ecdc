/** The parts of ECharts this product uses, registered once. HTML tooltips are left out on purpose (hostile text, CSP). */
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, MarkLineComponent } from 'echarts/components';
import { init, use, type ECharts } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import type { EChartsOption } from 'echarts';

use([LineChart, BarChart, GridComponent, MarkLineComponent, CanvasRenderer]);

export { init, type ECharts, type EChartsOption };
