// What a shipped dashboard is, by Grafana's published types. Two things they do not say: literals of their enums are
// texts in JSON (Plain), and an annotation's query belongs to its data source, here Prometheus.
import type { AnnotationQuery, Dashboard, FieldConfigSource, Panel, RowPanel } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type { Options as Bars } from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type { Options as Stat } from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type { FieldConfig as TimelineField, Options as Timeline } from './node_modules/@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type { FieldConfig as TableField, Options as Table } from './node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type { FieldConfig as SeriesField, Options as Series } from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

type PrometheusAnnotation = AnnotationQuery & {
  expr: string;
  tagKeys: string;
  titleFormat: string;
  useValueForTime: boolean;
};

// What is left out has the panel's default.
type Of<Type, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig'> & {
  type: Type;
  options: Partial<Options>;
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
    defaults: Omit<FieldConfigSource['defaults'], 'custom'> & { custom?: Partial<Custom> };
  };
};

type Shown =
  | RowPanel
  | Of<'bargauge', Bars, Record<string, never>>
  | Of<'stat', Stat, Record<string, never>>
  | Of<'state-timeline', Timeline, TimelineField>
  | Of<'table', Table, TableField>
  | Of<'timeseries', Series, SeriesField>;

export type Board = Plain<
  Omit<Dashboard, 'annotations' | 'panels'> & { annotations: { list: PrometheusAnnotation[] }; panels: Shown[] }
>;
